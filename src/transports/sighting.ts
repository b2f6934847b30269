// A file that is looked at, and removed later if it is still the same one: names are taken again, and so are inode numbers.
import { lstatSync, rmSync, type Stats } from 'node:fs';

export interface Sighting {
  readonly path: string;
  readonly stats: Stats;
}

/** What is at the path; undefined, too, where the directory is not there or closed. */
export function sight(path: string): Sighting | undefined {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats && { path, stats };
  } catch {
    return undefined;
  }
}

/** Removes the file that was seen, and no other. Throws where that is not allowed. */
export function removeSighted({ path, stats: before }: Sighting): void {
  const now = sight(path)?.stats;
  const isSame = now?.dev === before.dev && now.ino === before.ino && now.ctimeMs === before.ctimeMs;
  if (isSame) rmSync(path, { force: true });
}
