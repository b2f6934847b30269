// Addresses that nobody listens on. The kernel that they are for must be ours alone: its vsock ports are just counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `emulated`: vsock, for programs with HVSOCK_EMULATOR. */
export type Family = 'vsock' | 'emulated' | 'unix' | 'firecracker';

let folder: string | undefined;
let count = 0;

/** Loopback for vsock: CID 1, which only ever is this kernel. */
export function newAddress(family: Family): string {
  count++;
  if (family === 'emulated') return `vsock://2:${20_000 + count}`;
  if (family === 'vsock') return `vsock://1:${20_000 + count}`;
  return `${family === 'unix' ? 'unix://' : 'firecracker://:52'}${join(temporaryFolder(), String(count))}`;
}

/** A folder that is there until the benchmark ends. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'hvsock-bench-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}
