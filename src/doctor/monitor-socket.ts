// The unix socket by which a monitor shows a machine's vsock, at a path that the user gives.
import { join } from 'node:path';
import { type Finding, finding } from './finding.ts';
import type { System } from './system.ts';

/** Of datagrams: see below. */
const SOCK_DGRAM = 2;

/**
 * `given` is the path of Firecracker's or another monitor's socket, or HyperKit's directory. The monitor does not notice:
 * a connection would cost it one of those that it can hold, and a plain socket is a connection to the guest itself. What
 * asks is a datagram socket, which the kernel turns away with EPROTOTYPE where a stream socket is alive.
 */
export function examineMonitorSocket(system: System, given: string): Finding {
  if (system.platform === 'win32') return finding('socket.windows', { path: given });
  const path = system.typeOf(given) === 'directory' ? join(given, 'connect') : given;
  const type = system.typeOf(path);
  if (type === 'ENOENT' || type === 'ENOTDIR') {
    return path === given ? finding('socket.missing', { path }) : finding('socket.other', { path: given });
  }
  const { uid, probes } = system;
  if (type === 'directory' || type === 'other') return finding('socket.other', { path });
  if (type !== 'socket') return finding('socket.forbidden', { path, code: type, uid });
  const access = system.access(path, 'w');
  if (access !== 'ok') return finding('socket.forbidden', { path, code: access, uid });
  if (probes instanceof Error) return finding('socket.untold', { path });
  const code = probes.connectUnix(path, SOCK_DGRAM);
  switch (code) {
    case 'EPROTOTYPE':
      return finding('socket.listening', { path });
    case 'ECONNREFUSED':
      return finding('socket.stale', { path });
    case 'ok':
      return finding('socket.other', { path });
    default:
      return finding('socket.forbidden', { path, code, uid });
  }
}
