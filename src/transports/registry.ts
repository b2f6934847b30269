// Which transport serves an address on this machine.
import { type Address, hypervToVsock } from '../address/address.ts';
import type { HypervAddress } from '../address/hyperv.ts';
import type { VsockAddress } from '../address/vsock.ts';
import { HvsockError } from '../errors.ts';
import { emulatedTransport } from './emulated.ts';
import { hybridTransport } from './hybrid.ts';
import { environmentPartition, type Partition } from './partition.ts';
import type { Transport } from './transport.ts';
import { vsockTransport } from './vsock.ts';

/**
 * The transport, and the address in its own family: a template service GUID is a vsock port on Linux. The emulated
 * hypervisor's where a machine of it is given, or where the environment says that this process is one.
 */
export function transportFor(address: Address, given?: Partition): { transport: Transport; address: Address } {
  const partition = address.family === 'hybrid' ? undefined : (given ?? environmentPartition());
  if (partition !== undefined) {
    return { transport: emulatedTransport(partition, address.family as 'vsock' | 'hyperv'), address };
  }
  switch (address.family) {
    case 'vsock':
      return { transport: vsockTransport, address };
    case 'hyperv':
      return { transport: vsockTransport, address: asVsock(address) };
    case 'hybrid':
      return { transport: hybridTransport, address };
  }
}

/** A Hyper-V address is reached here if it has a counterpart in CIDs and ports. */
function asVsock(address: HypervAddress): VsockAddress {
  try {
    return hypervToVsock(address);
  } catch (error) {
    throw unsupported(address, 'on this system it has no counterpart in AF_VSOCK', error);
  }
}

function unsupported(address: Address, reason: string, cause?: unknown): HvsockError {
  const because = cause === undefined ? '' : `: ${(cause as Error).message}`;
  return new HvsockError(`${address}: ${reason}${because}`, {
    code: 'ERR_HVSOCK_UNSUPPORTED',
    kind: 'unsupported',
    address: address.toString(),
    cause,
  });
}
