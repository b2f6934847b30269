// What this process holds open: the measure of every leak.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';

/** The kinds of the open descriptors, sorted: `socket`, `pipe`, a path. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[.*/, '');
      } catch {
        return ''; // the one that was reading the directory
      }
    })
    .filter((kind) => kind !== '')
    .sort();
}

export const threadCount = (): number => readdirSync('/proc/self/task').length;

/** Waits until it is so: libuv closes descriptors a turn later, a peer when it hears of the end. At most 20 seconds. */
export async function settled(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(condition(), `${openDescriptors().join(' ')}; ${threadCount()} threads`);
}
