// The commands that scripts/prebuild.js is made of, and how it gives up.
import { spawnSync } from 'node:child_process';
import { root } from './addon.js';

/**
 * @param {string} reason
 * @returns {never}
 */
export function fail(reason) {
  console.error(`prebuild: ${reason}`);
  process.exit(1);
}

/**
 * What a command that must succeed writes to standard output.
 * @param {string} command
 * @param {string[]} args
 */
export function run(command, args) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return status === 0 ? stdout : fail(`${command} ${args.join(' ')}: ${error?.message ?? `status ${status}`}`);
}
