// AF_HYPERV for tests: Windows' own, or, where HVSOCK_SHIM names the addon that stands in for it, that one's on 127.0.0.1
// (test/windows/hyperv-shim.c). Loopback only, which needs no rights and no registered service.
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import { HV_GUID_LOOPBACK, HypervAddress } from 'hvsock';
import { loadBinding } from '#src/native/load.js';

/** What may go wrong; see the shim. */
export type Fault =
  | 'no-family'
  | 'net-down'
  | 'not-allowed'
  | 'disabled'
  | 'refused'
  | 'no-answer'
  | 'late'
  | 'timed-out'
  | 'partial'
  | 'broken-pipe'
  | 'zero-lost';

interface Shim {
  patch(module?: string): number;
  setFault(name: Fault, on: boolean): void;
  calls(): Readonly<Record<'socket' | 'bind' | 'listen' | 'connect' | 'accept' | 'name' | 'option' | 'close', number>>;
}

const path = process.env['HVSOCK_SHIM'];

function load(path: string): Shim {
  loadBinding();
  const shim = createRequire(import.meta.url)(path) as Shim;
  // Patching what is patched changes nothing: the entries are no longer ws2_32's.
  for (const module of ['hvsock.node', undefined]) shim.patch(module);
  for (const fault of process.env['HVSOCK_SHIM_FAULTS']?.split(',') ?? []) shim.setFault(fault as Fault, true);
  return shim;
}

/** The stand-in; undefined where AF_HYPERV is the system's. */
export const shim: Shim | undefined = path === undefined ? undefined : load(path);

/** Why faults cannot be injected here; false where they can. */
export const noFaults: string | false =
  shim === undefined && 'faults are injected by the shim only: set HVSOCK_SHIM, see test/windows/README.md';

/** Has calls go wrong until the test is over. */
export function inject(context: TestContext, fault: Fault): void {
  shim?.setFault(fault, true);
  context.after(() => shim?.setFault(fault, false));
}

/** An address of this machine that nobody uses. */
export const freshAddress = (): HypervAddress =>
  new HypervAddress({ vmId: HV_GUID_LOOPBACK, serviceId: randomInt(0x1000_0000, 0x7fff_ffff) });

/** Both ways that bytes are carried. */
export const engines = ['direct', 'threads'] as const;
