// Tools of other packages, and how Debian provides them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Whether a command is on the PATH, or an absolute path exists.
 * @param {string} tool
 */
function isPresent(tool) {
  const isPath = tool.startsWith('/');
  const folders = isPath ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), isPath ? constants.F_OK : constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Sees to it that tools are there, commands or absolute paths, each with the Debian package that has it: root on Debian
 * gets them installed. What is missing all the same is told in a sentence that says what to do.
 * @param {Readonly<Record<string, string>>} tools
 * @returns {string | undefined}
 */
export function provideTools(tools) {
  const missing = () => Object.keys(tools).filter((tool) => !isPresent(tool));
  const packages = [...new Set(missing().map((tool) => tools[tool] ?? ''))];
  if (packages.length === 0) return undefined;
  if (process.getuid?.() === 0 && isPresent('apt-get')) {
    console.error(`installing ${packages.join(' ')}`);
    const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    /** @param {string[]} args */
    const apt = (args) =>
      spawnSync('apt-get', [...options, ...args], {
        stdio: 'ignore',
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      }).status === 0;
    // A fresh machine's package lists are empty, or too old.
    if (!apt(install)) {
      apt(['update']);
      apt(install);
    }
  }
  const absent = missing();
  if (absent.length === 0) return undefined;
  return `no ${absent.join(', ')} here; on Debian, as root: apt-get install ${packages.join(' ')}`;
}
