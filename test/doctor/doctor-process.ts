// hvsock doctor as a child process, in whatever surroundings a test makes for it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Finding } from '#src/doctor/finding.js';

export const doctorCommand: readonly string[] = [
  process.execPath,
  fileURLToPath(import.meta.resolve('#src/cli/hvsock.js')),
  'doctor',
];

/** The doctor, as it is for the user nobody. */
export const nobodysCommand: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('./as-nobody.js', import.meta.url)),
];

/** Runs a command that prints findings as JSON: those by id. */
export function findingsOf(
  [command = '', ...args]: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Map<string, Finding> {
  const env = { ...process.env, ...environment };
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', env });
  assert.equal(stderr, '');
  const findings = JSON.parse(stdout) as Finding[];
  assert.equal(status, findings.some(({ level }) => level === 'failure') ? 1 : 0);
  return new Map(findings.map((finding) => [finding.id, finding]));
}

/** What the doctor finds here. */
export const examine = (...args: string[]): Map<string, Finding> => findingsOf([...doctorCommand, '--json', ...args]);
