// Looks at everything that hypervisor sockets need here, in the order in which it is to be mended.
import type { HypervAddress } from '../address/hyperv.ts';
import { examineDrivers } from './drivers.ts';
import type { Finding } from './finding.ts';
import { examineIo } from './io.ts';
import { examineCid, examineNamespace } from './local-machine.ts';
import { examineMonitorSocket } from './monitor-socket.ts';
import { examineRuntime } from './runtime.ts';
import type { System } from './system.ts';
import { thisSystem } from './this-system.ts';
import { examineFamily } from './vsock-family.ts';
import { examineWindows } from './windows.ts';

export interface Examination {
  /** Paths of monitors' unix sockets, or of HyperKit's directories. Default: none. */
  readonly sockets?: readonly string[];
  /** Also have bytes echoed over AF_HYPERV loopback, and by a service of a machine if one is named. Default: no. */
  readonly io?: { readonly machine?: HypervAddress | undefined } | undefined;
  /** Where to look. Default: here. */
  readonly system?: System;
}

/** What there is to say, good and bad. Changes nothing, connects to no machine but `io`'s, and does not fail. */
export async function diagnose({ sockets = [], io, system = thisSystem }: Examination = {}): Promise<Finding[]> {
  return [
    ...examineRuntime(system),
    ...(system.platform === 'linux' ? examineLinux(system) : []),
    ...(system.platform === 'win32' ? await examineWindows(system) : []),
    ...(io === undefined ? [] : await examineIo(system, io.machine)),
    ...sockets.map((path) => examineMonitorSocket(system, path)),
  ];
}

function examineLinux(system: System): Finding[] {
  const { probes } = system;
  // What the files tell can be told without the addon.
  if (probes instanceof Error) return examineDrivers(system, undefined);
  const family = examineFamily(system, probes);
  if (family.id !== 'family.ready') return [family, ...examineDrivers(system, undefined)];
  return [family, ...examineDrivers(system, probes), examineCid(probes), examineNamespace(system)];
}
