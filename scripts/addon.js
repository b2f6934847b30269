// How the addon is compiled without node-gyp: what its sources are, and where Node's headers lie.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const glue = ['native/addon.c', 'native/operations.c', 'native/pump.c', 'native/pump_operation.c'];

export const posixSources = [...glue, 'native/sockets_posix.c'];
export const windowsSources = [...glue, 'native/sockets_win32.c', 'native/delay_win32.c'];

export const warnings = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-DNAPI_VERSION=9'];

/** Node's own headers, libuv's among them: beside this Node, or where node-gyp keeps those it fetched. */
export function findHeaders() {
  const prefixes = [
    process.env['npm_config_nodedir'],
    join(dirname(process.execPath), '..'),
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'node-gyp', process.versions.node),
  ];
  for (const prefix of prefixes) {
    if (prefix === undefined) continue;
    const headers = join(prefix, 'include', 'node');
    if (existsSync(join(headers, 'node_api.h')) && existsSync(join(headers, 'uv.h'))) return headers;
  }
  return undefined;
}
