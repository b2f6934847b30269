// An address as users of a command line write it: in full, in a short form, or a service beside --vmid.
import {
  type Address,
  HV_GUID_CHILDREN,
  HV_GUID_WILDCARD,
  HvsockError,
  HypervAddress,
  parseAddress,
  readVmId,
  serviceIdOfPort,
  VMADDR_CID_ANY,
} from '../index.ts';
import { virtualMachineId } from '../windows/index.ts';
import { UsageError } from './arguments.ts';

export type Role = 'connect' | 'listen';

const shortVsock = /^(\w*):\w+$/;
const scheme = /^[a-z][a-z0-9+.-]*:/i;
const bareNumber = /^(\d+|0x[0-9a-f]+)$/i;
const almostGuid = /^\{?[0-9a-f]+(-[0-9a-f]+)+\}?$/i;
const namedCid = /^(any|hypervisor|local|host)?:/i;

/**
 * The address that `text` means. Short forms are `3:1024`, `host:1024`, `:1024`, and to listen on, a port or a service
 * GUID alone. With `vmId`, the GUID or name of a machine, `text` is a service GUID or a port.
 * Rejects with UsageError, and for a machine given by name as `virtualMachineId` does.
 */
export async function readAddress(
  text: string,
  role: Role,
  vmId?: string,
  lookUp: (name: string) => Promise<string> = virtualMachineId,
): Promise<Address> {
  const address = vmId === undefined ? readAlone(text, role) : await readPair(text, vmId, lookUp);
  if (role === 'connect' && namesNoMachine(address)) {
    throw new UsageError(`${address} names no machine to connect to; write CID:PORT, or -l to listen`);
  }
  return address;
}

/**
 * The GUID of a service given by GUID or port.
 * @param option which one it is given to, for the message
 * @throws UsageError
 */
export function readServiceId(text: string, option?: string): string {
  if (!bareNumber.test(text) && !almostGuid.test(text)) {
    const where = option === undefined ? '' : `with ${option}, `;
    throw new UsageError(`${where}write a service GUID or a port, not ${JSON.stringify(text)}`);
  }
  return (parse(`hvsock://wildcard/${text}`) as HypervAddress).serviceId;
}

/**
 * The GUID of the service that is registered before listening on this address.
 * @throws UsageError for one that has none
 */
export function serviceIdOfAddress(address: Address): string {
  if (address.family === 'hyperv') return address.serviceId;
  try {
    if (address.family === 'vsock') return serviceIdOfPort(address.port);
  } catch (error) {
    if (!(error instanceof HvsockError)) throw error;
  }
  throw new UsageError(`${address} has no service GUID to register; only ports up to 2147483647 have one`);
}

function readAlone(text: string, role: Role): Address {
  if (bareNumber.test(text)) {
    if (role === 'listen') return parse(`vsock://:${text}`);
    throw new UsageError(`on which machine is port ${text}? write CID:${text}, or add --vmid`);
  }
  if (almostGuid.test(text)) {
    if (role === 'listen') return new HypervAddress({ vmId: HV_GUID_WILDCARD, serviceId: readServiceId(text) });
    throw new UsageError(`on which machine is service ${text}? add --vmid, or write hvsock://VM/${text}`);
  }
  return readAddressText(text);
}

/**
 * The address that `text` means, in full or as `3:1024`, `host:1024`, `:1024`.
 * @throws UsageError
 */
export function readAddressText(text: string): Address {
  const isShort = shortVsock.test(text) && (!scheme.test(text) || namedCid.test(text));
  return parse(isShort ? `vsock://${text}` : text);
}

/** A machine that is looked up comes last: that it is not found is no mistake in the command line. */
async function readPair(text: string, vmId: string, lookUp: (name: string) => Promise<string>): Promise<Address> {
  const serviceId = readServiceId(text, '--vmid');
  if (vmId === '') throw new UsageError('--vmid needs the GUID or the name of a machine');
  return new HypervAddress({ vmId: readVmId(vmId) ?? (await lookUp(vmId)), serviceId });
}

/** Whether the address stands for any machine, so that it can only be listened on. */
export function namesNoMachine(address: Address): boolean {
  if (address instanceof HypervAddress) {
    return address.vmId === HV_GUID_WILDCARD || address.vmId === HV_GUID_CHILDREN;
  }
  return address.family === 'vsock' && address.cid === VMADDR_CID_ANY;
}

function parse(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw error instanceof HvsockError ? new UsageError(error.message) : error;
  }
}
