// The kernel that runs this.
import { readFileSync } from 'node:fs';

/** Whether it is User-Mode Linux, where each thread makes every switch of threads slower: a thousand take minutes. */
export const isUserMode: boolean = readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux');
