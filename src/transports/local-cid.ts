// The context id of this machine.
import { closeSync, openSync } from 'node:fs';
import { HvsockError, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import { environmentPartition } from './partition.ts';

const DEVICE = '/dev/vsock';
/** _IO(7, 0xb9), Linux include/uapi/linux/vm_sockets.h. */
const IOCTL_VM_SOCKETS_GET_LOCAL_CID = 0x7b9;
/** _IOR('s', 0xb9, uint32_t), of a socket: macOS bsd/sys/vsock.h. */
const DARWIN_GET_LOCAL_CID = 0x4004_73b9;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;

/**
 * This machine's CID: a guest's own, 2 on a host, 1 where there is only loopback, 4294967295 (any) where no transport is
 * loaded. Asks `/dev/vsock` on Linux, a socket on macOS. Throws with kind `permission` (only root may open it, on some
 * systems) or `unsupported` (not there, as in most containers, or on Windows); a connected socket's `localEndpoint` then
 * still tells the CID.
 */
export function localCid(): number {
  return environmentPartition()?.cid ?? systemCid();
}

/** The same, whether or not this process is in an emulated hypervisor. */
export function systemCid(): number {
  if (process.platform === 'win32') {
    throw new HvsockError('Windows knows machines by GUID and has no CIDs; "hvsock vms" shows the GUIDs', {
      code: 'ERR_HVSOCK_UNSUPPORTED',
      kind: 'unsupported',
    });
  }
  const binding = loadBinding();
  return process.platform === 'darwin' ? cidOfSocket(binding) : cidOfDevice(binding);
}

function ask(binding: Binding, fd: number, request: number): number {
  const cid = binding.descriptor_ioctl(fd, request);
  if (cid < 0) throw systemError(cid, 'ioctl', 'vsock');
  return cid;
}

function cidOfSocket(binding: Binding): number {
  const fd = binding.socket_open(AF_VSOCK, SOCK_STREAM, 0);
  if (fd < 0) throw systemError(fd, 'socket', 'vsock');
  try {
    return ask(binding, fd, DARWIN_GET_LOCAL_CID);
  } finally {
    binding.socket_close(fd);
  }
}

function cidOfDevice(binding: Binding): number {
  let device: number;
  try {
    device = openSync(DEVICE, 'r');
  } catch (error) {
    const { code = 'ENOENT', errno } = error as NodeJS.ErrnoException;
    const isForbidden = code === 'EACCES' || code === 'EPERM';
    throw new HvsockError(
      isForbidden
        ? `open ${code} ${DEVICE}: not permitted; grant read access to it, or ask a connected socket's localEndpoint`
        : `open ${code} ${DEVICE}: no vsock here; modprobe vsock, or give the container that device`,
      { code, errno, syscall: 'open', kind: isForbidden ? 'permission' : 'unsupported' },
    );
  }
  try {
    return ask(binding, device, IOCTL_VM_SOCKETS_GET_LOCAL_CID);
  } finally {
    closeSync(device);
  }
}
