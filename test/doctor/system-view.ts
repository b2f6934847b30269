// A system that a test makes up, for the doctor to look at: a stand-in for what cannot be had here.
import type { Probes, System } from '#src/doctor/system.js';
import { programs } from '../support/windows-programs.js';

export interface Made extends Partial<Omit<System, 'probes'>> {
  /** Texts by path; a path that ends in `/` is a folder of its own, all others are in theirs. */
  readonly files?: Readonly<Record<string, string>>;
  readonly probes?: Partial<Probes> | Error;
}

/** A Linux where all is well, but for what is made up. */
export function madeSystem({ files = {}, probes = {}, ...changes }: Made): System {
  const paths = Object.keys(files);
  return {
    platform: 'linux',
    release: '6.1.0',
    arch: 'x64',
    version: 'v20.19.0',
    environment: {},
    uid: 1000,
    echo: async () => 1,
    windows: { run: programs({}) },
    read: (path) => files[path],
    list: (path) => [
      ...new Set(
        paths.filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1).split('/')[0]!),
      ),
    ],
    exists: (path) => paths.some((name) => name === path || name.startsWith(`${path}/`)),
    typeOf: (path) => (paths.includes(path) ? 'other' : 'ENOENT'),
    access: () => 'ok',
    probes:
      probes instanceof Error
        ? probes
        : { open: () => 'ok', bind: () => 'ok', connectUnix: () => 'EPROTOTYPE', cid: () => 2, ...probes },
    ...changes,
  };
}
