// This machine's own CID, and the network namespace that it counts in.
import { VMADDR_CID_ANY } from '../address/vsock.ts';
import { type Finding, finding } from './finding.ts';
import type { Probes, System } from './system.ts';

export function examineCid(probes: Probes): Finding {
  const cid = probes.cid();
  if (cid === VMADDR_CID_ANY) return finding('cid.any');
  if (typeof cid === 'number') return finding('cid.known', { cid });
  // EPERM is how the device rules of a control group say no; rights of the file are EACCES.
  const isWithheld = cid === 'ENOENT' || cid === 'EPERM';
  return finding(isWithheld ? 'cid.no-device' : 'cid.forbidden', { code: cid });
}

export function examineNamespace(system: System): Finding {
  const mode = system.read('/proc/sys/net/vsock/ns_mode')?.trim();
  if (mode === undefined) return finding('namespace.none');
  return finding(mode === 'local' ? 'namespace.local' : 'namespace.global');
}
