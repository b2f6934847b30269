// Which transport serves an address on this machine.
import { randomInt } from 'node:crypto';
import { type Address, hypervToVsock, vsockToHyperv } from '../address/address.ts';
import { SERVICE_PORT_MAX } from '../address/guid.ts';
import { VMADDR_PORT_ANY, VsockAddress } from '../address/vsock.ts';
import { HvsockError } from '../errors.ts';
import { emulatedTransport } from './emulated.ts';
import { hybridTransport } from './hybrid.ts';
import { hypervTransport } from './hyperv.ts';
import { environmentPartition, type Partition } from './partition.ts';
import type { Transport } from './transport.ts';
import { vsockTransport } from './vsock.ts';

/**
 * The transport, and the address in its own family: a template service GUID is a vsock port on Linux, and a port such a
 * GUID on Windows. The emulated hypervisor's where a machine of it is given, or where the environment says that this
 * process is one.
 */
export function transportFor(address: Address, given?: Partition): { transport: Transport; address: Address } {
  const partition = address.family === 'hybrid' ? undefined : (given ?? environmentPartition());
  if (partition !== undefined) {
    return { transport: emulatedTransport(partition, address.family as 'vsock' | 'hyperv'), address };
  }
  const onWindows = process.platform === 'win32';
  switch (address.family) {
    case 'vsock':
      return onWindows
        ? { transport: hypervTransport, address: counterpart(chosen(address), vsockToHyperv) }
        : { transport: vsockTransport, address };
    case 'hyperv':
      return onWindows
        ? { transport: hypervTransport, address }
        : { transport: vsockTransport, address: counterpart(address, hypervToVsock) };
    case 'hybrid':
      if (onWindows)
        throw unsupported(address, 'Node has no unix sockets on Windows, and monitors with such do not run there');
      return { transport: hybridTransport, address };
  }
}

/** Windows chooses no ports. One of the upper half is not used by chance twice. */
const chosen = (address: VsockAddress): VsockAddress =>
  address.port === VMADDR_PORT_ANY
    ? new VsockAddress({ cid: address.cid, port: randomInt(2 ** 30, SERVICE_PORT_MAX) })
    : address;

/** The address in the family that this system has. Throws `ERR_HVSOCK_UNSUPPORTED` where there is none. */
function counterpart<A extends Address>(address: A, convert: (address: A) => Address): Address {
  try {
    return convert(address);
  } catch (cause) {
    throw unsupported(address, `it has no counterpart on this system: ${(cause as Error).message}`, cause);
  }
}

function unsupported(address: Address, reason: string, cause?: unknown): HvsockError {
  return new HvsockError(`${address}: ${reason}`, {
    code: 'ERR_HVSOCK_UNSUPPORTED',
    kind: 'unsupported',
    address: address.toString(),
    cause,
  });
}
