// Whether this process may open AF_VSOCK sockets.
import { type Finding, finding } from './finding.ts';
import type { Probes, System } from './system.ts';

const AF_VSOCK = 40;
const SOCK_STREAM = 1;
/** No type: the kernel says EINVAL before it looks for the family, and a filter, which comes first, says its own. */
const NO_SOCK_TYPE = 15;

/**
 * A socket of a family that is not there makes the kernel load its module. So that looking changes nothing, none is
 * opened unless the kernel has the family already.
 */
export function examineFamily(system: System, probes: Probes): Finding {
  const filtered = filterOutcome(system, probes);
  if (filtered === 'EAFNOSUPPORT') return finding('family.restricted');
  if (filtered !== undefined) return finding('family.filtered', { code: filtered });
  if (isUnregistered(system)) {
    const modules = system.read(`/lib/modules/${system.release}/modules.dep`) ?? '';
    return finding(/\/vsock\.ko/.test(modules) ? 'family.unloaded' : 'family.missing');
  }
  const code = probes.open(AF_VSOCK, SOCK_STREAM, 0);
  switch (code) {
    case 'ok':
      return finding('family.ready');
    case 'EAFNOSUPPORT':
      return finding('family.missing');
    case 'EACCES':
    case 'EPERM':
      return finding('family.denied', { code });
    default:
      return finding('family.failed', { code });
  }
}

/** What a seccomp filter answers; undefined where it lets AF_VSOCK pass, or there is none. */
function filterOutcome(system: System, probes: Probes): string | undefined {
  // A filter may be in force and let AF_VSOCK pass; a kernel that is none, such as gVisor, may answer in its own way.
  if (!/^Seccomp:\s*2$/m.test(system.read('/proc/self/status') ?? '')) return undefined;
  const code = probes.open(AF_VSOCK, NO_SOCK_TYPE, 0);
  return code === 'EINVAL' ? undefined : code;
}

function isUnregistered(system: System): boolean {
  const protocols = system.read('/proc/net/protocols');
  return protocols !== undefined && !/^AF_VSOCK\s/m.test(protocols);
}
