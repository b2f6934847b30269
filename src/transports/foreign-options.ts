// Options of one transport that another has no use for: refused, not ignored.
import { invalidArgument } from '../errors.ts';
import type { IoOptions, PathOptions } from './transport.ts';

const pathOptions: readonly (keyof PathOptions)[] = ['mode', 'uid', 'gid'];

const vsockOptions = ['localPort', 'toHost', 'bufferMinSize', 'bufferMaxSize'] as const;
const hypervOptions = ['connectedSuspend', 'containerPassthru', 'highVtl'] as const;

export function refusePathOptions(options: object): void {
  refuse(options, pathOptions, 'absent: only a hybrid address has a file');
}

/** Those of AF_VSOCK alone. */
export function refuseVsockOptions(options: object, because: string): void {
  refuse(options, vsockOptions, `absent: ${because}`);
}

/** Those of AF_HYPERV alone. */
export function refuseHypervOptions(options: object): void {
  refuse(options, hypervOptions, 'absent: only AF_HYPERV, on Windows, has it');
}

/** Those of sockets that the addon makes. */
export function refuseNativeOptions(options: object): void {
  refuseVsockOptions(options, 'unix sockets do not have it');
  refuse(options, ['bufferSize'], 'absent: unix sockets do not have it');
  refuseHypervOptions(options);
  if ((options as IoOptions).io === 'threads')
    refuse(options, ['io'], "'auto' or absent: unix sockets have one way only");
}

function refuse(options: object, names: readonly string[], expected: string): void {
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) throw invalidArgument(name, value, expected);
  }
}
