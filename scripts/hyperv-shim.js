// Makes build/windows/hyperv-shim.node, which stands in for AF_HYPERV in tests: see test/windows/README.md.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findHeaders, root } from './addon.js';
import { fail } from './prebuild-command.js';
import { linkForWindows } from './prebuild-windows.js';

const folder = join(root, 'build/windows');
const headers = findHeaders() ?? fail('no headers of Node here');
mkdirSync(folder, { recursive: true });
const sources = ['test/windows/hyperv-shim.c', 'native/delay_win32.c'];
const faults = linkForWindows(headers, sources, 'hyperv-shim.node', join(folder, 'hyperv-shim.node'));
if (faults.length > 0) fail(faults.join('\n  '));
