// The context id of this machine.
import { closeSync, openSync } from 'node:fs';
import { HvsockError, systemError } from '../errors.ts';
import { loadBinding } from '../native/load.ts';
import { environmentPartition } from './partition.ts';

const DEVICE = '/dev/vsock';
/** _IO(7, 0xb9), Linux include/uapi/linux/vm_sockets.h. */
const IOCTL_VM_SOCKETS_GET_LOCAL_CID = 0x7b9;

/**
 * This machine's CID: a guest's own, 2 on a host, 1 where there is only loopback, 4294967295 (any) where no transport is
 * loaded. Asks `/dev/vsock` on Linux. Throws with kind `permission` (only root may open it, on some systems) or
 * `unsupported` (not there, as in most containers); a connected socket's `localEndpoint` then still tells the CID.
 */
export function localCid(): number {
  return environmentPartition()?.cid ?? deviceCid();
}

/** The same, whether or not this process is in an emulated hypervisor. */
export function deviceCid(): number {
  const binding = loadBinding();
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
    const cid = binding.descriptor_ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID);
    if (cid < 0) throw systemError(cid, 'ioctl', 'vsock');
    return cid;
  } finally {
    closeSync(device);
  }
}
