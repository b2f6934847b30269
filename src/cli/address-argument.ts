// An address as users of a command line write it: in full, in a short form, or a service beside --vmid.
import {
  type Address,
  HV_GUID_CHILDREN,
  HV_GUID_WILDCARD,
  HvsockError,
  HypervAddress,
  parseAddress,
  readVmId,
  VMADDR_CID_ANY,
} from '../index.ts';
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
 * @throws UsageError; HvsockError of kind `unsupported` for a machine given by name
 */
export function readAddress(text: string, role: Role, vmId?: string): Address {
  const address = vmId === undefined ? readAlone(text, role) : readService(text, readMachine(vmId));
  if (role === 'connect' && namesNoMachine(address)) {
    throw new UsageError(`${address} names no machine to connect to; write CID:PORT, or -l to listen`);
  }
  return address;
}

function readAlone(text: string, role: Role): Address {
  if (bareNumber.test(text)) {
    if (role === 'listen') return parse(`vsock://:${text}`);
    throw new UsageError(`on which machine is port ${text}? write CID:${text}, or add --vmid`);
  }
  if (almostGuid.test(text)) {
    if (role === 'listen') return readService(text, HV_GUID_WILDCARD);
    throw new UsageError(`on which machine is service ${text}? add --vmid, or write hvsock://VM/${text}`);
  }
  const isShort = shortVsock.test(text) && (!scheme.test(text) || namedCid.test(text));
  return parse(isShort ? `vsock://${text}` : text);
}

function readService(text: string, vmId: string): Address {
  if (!bareNumber.test(text) && !almostGuid.test(text)) {
    throw new UsageError(`with --vmid, write a service GUID or a port, not ${JSON.stringify(text)}`);
  }
  return parse(`hvsock://${vmId}/${text}`);
}

function readMachine(text: string): string {
  const vmId = readVmId(text);
  if (vmId !== undefined) return vmId;
  if (almostGuid.test(text)) throw new UsageError(`--vmid ${JSON.stringify(text)} is no GUID of a machine`);
  const problem =
    process.platform === 'win32'
      ? 'this version of hvsock cannot look up machines by name'
      : 'looking up a machine by name is Windows only';
  throw new HvsockError(`--vmid ${JSON.stringify(text)}: ${problem}; give its GUID`, {
    code: 'ERR_HVSOCK_UNSUPPORTED',
    kind: 'unsupported',
  });
}

function namesNoMachine(address: Address): boolean {
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
