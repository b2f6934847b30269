// Compiles the addon for systems on which it is not run here, with all warnings as errors: it shows that the code fits
// their headers, and no more. Nothing is linked or kept.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { findHeaders, posixSources, warnings, windowsSources } from './addon.js';
import { cache } from './nodes.js';
import { fetchZig } from './zig.js';

const targets = {
  'aarch64-macos': posixSources,
  'x86_64-macos': posixSources,
  'aarch64-windows-gnu': windowsSources,
};

const headers = findHeaders();
if (headers === undefined) throw new Error('no headers of Node here');
const zig = await fetchZig();
const folder = mkdtempSync(join(tmpdir(), 'hvsock-cross-'));
try {
  for (const [target, sources] of Object.entries(targets)) {
    for (const source of sources) {
      const object = join(folder, `${basename(source)}.o`);
      execFileSync(zig, ['cc', '-target', target, ...warnings, '-isystem', headers, '-c', source, '-o', object], {
        stdio: 'inherit',
        env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(cache, 'zig-cache') },
      });
    }
    console.log(`${target}: ${sources.join(' ')}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
