// What this process holds open: the measure of every leak.
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
