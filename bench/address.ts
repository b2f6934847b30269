// Addresses that nobody listens on. The kernel that they are for must be ours alone: its vsock ports are just counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Family = 'vsock' | 'unix';

let folder: string | undefined;
let count = 0;

/** Loopback for vsock: CID 1, which only ever is this kernel. */
export function newAddress(family: Family): string {
  count++;
  if (family === 'vsock') return `vsock://1:${20_000 + count}`;
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'hvsock-bench-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return `unix://${join(folder, String(count))}`;
}
