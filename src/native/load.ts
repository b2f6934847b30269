// Finds and loads the addon, at first use and never at import.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HvsockError } from '../errors.ts';
import type { Binding } from './binding.ts';

const root = new URL('../../', import.meta.url);

/**
 * Where an addon for this machine may lie. A build comes first: in a checkout it is the fresh one, and an installed
 * package has one only where no prebuilt addon loaded (scripts/install.js). `HVSOCK_ADDON` names another, alone.
 */
function candidates(): string[] {
  const own = process.env['HVSOCK_ADDON'];
  if (own !== undefined && own !== '') return [resolve(own)];
  return ['build/Release/hvsock.node', `prebuilds/${process.platform}-${process.arch}/hvsock.node`].map((path) =>
    fileURLToPath(new URL(path, root)),
  );
}

let loaded: Binding | undefined;

/**
 * The addon. Throws `ERR_HVSOCK_NATIVE` (kind `unsupported`) with every place that was tried, and what to do.
 */
export function loadBinding(): Binding {
  if (loaded !== undefined) return loaded;
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const path of candidates()) {
    if (!existsSync(path)) {
      tried.push(`${path}: not there`);
      continue;
    }
    try {
      loaded = require(path) as Binding;
      return loaded;
    } catch (error) {
      tried.push(`${path}: ${(error as Error).message}`);
    }
  }
  throw new HvsockError(
    `hvsock has no native addon for ${process.platform}-${process.arch}. Tried:\n  ${tried.join('\n  ')}\n` +
      (process.platform === 'win32'
        ? 'To build it, install the C++ tools of Visual Studio and python3, and run: npm rebuild hvsock.'
        : 'To build it, install a C compiler, make and python3, and run: npm rebuild hvsock. ' +
          'Addresses over unix sockets (firecracker:, hyperkit:, unix:) work without it.'),
    { code: 'ERR_HVSOCK_NATIVE', kind: 'unsupported' },
  );
}
