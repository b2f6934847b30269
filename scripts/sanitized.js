// Makes build/sanitized/hvsock.node: the addon under AddressSanitizer and UndefinedBehaviorSanitizer, for its tests.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { findHeaders, posixSources, root, warnings } from './addon.js';

const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'];
const output = 'build/sanitized/hvsock.node';

process.chdir(root);
mkdirSync('build/sanitized', { recursive: true });
const { status } = spawnSync(
  'gcc',
  [
    ...warnings,
    ...sanitize,
    '-g',
    '-O1',
    '-fPIC',
    '-shared',
    '-isystem',
    findHeaders() ?? '',
    ...posixSources,
    '-o',
    output,
  ],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
