// An address of any family: the forms it may be given in, and the conversions between vsock and Hyper-V.
import { invalidAddress, invalidArgument } from '../errors.ts';
import { portOfServiceId, SERVICE_PORT_MAX, serviceIdOfPort } from './guid.ts';
import { dialectHalfCloses, HybridAddress, type HybridFields, type PathLimitOptions } from './hybrid.ts';
import { HV_GUID_LOOPBACK, HV_GUID_PARENT, HV_GUID_WILDCARD, HypervAddress, type HypervFields } from './hyperv.ts';
import { parseAddress } from './uri.ts';
import { VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VsockAddress, type VsockFields } from './vsock.ts';

/** An address of one of the three families; `family` tells which. */
export type Address = VsockAddress | HypervAddress | HybridAddress;

/** Whatever an address may be given as: a value, text, or its fields (which is also what its JSON holds). */
export type AddressLike = Address | string | VsockFields | HypervFields | HybridFields;

/**
 * The address that is meant. A value is returned as it is.
 * @throws ERR_HVSOCK_INVALID_ADDRESS for text that is no address or a path that cannot be a socket's;
 * ERR_HVSOCK_INVALID_ARGUMENT, naming the field, for anything else
 */
export function toAddress(like: AddressLike, options: PathLimitOptions = {}): Address {
  if (typeof like === 'string') return parseAddress(like, options);
  if (like instanceof VsockAddress || like instanceof HypervAddress || like instanceof HybridAddress) return like;
  if (typeof like === 'object' && like !== null) {
    // The field that only this family has; a port alone is vsock's.
    if (has(like, 'path')) return new HybridAddress(like as HybridFields, options);
    if (has(like, 'vmId') || has(like, 'serviceId')) return new HypervAddress(like as HypervFields);
    if (has(like, 'port')) return new VsockAddress(like as VsockFields);
  }
  throw invalidArgument('address', like, 'text, an address, { port, cid }, { vmId, serviceId } or { path, port }');
}

/** What connections to or from an address can do. */
export interface Capabilities {
  /** Ending one direction leaves the other open. For `unix` this is the socket's; what a monitor makes of it is its own. */
  readonly halfClose: boolean;
  /** Whether both ends can tell who the other one is. */
  readonly peerKnown: boolean;
  /** Message boundaries. No transport of this library has them: its sockets are streams. */
  readonly seqpacket: boolean;
}

/** What connections to or from this address can do, as its family and dialect have it; nothing is asked of the system. */
export function capabilitiesOf(address: Address): Capabilities {
  const isHybrid = address.family === 'hybrid';
  return {
    halfClose: !isHybrid || dialectHalfCloses(address.dialect),
    peerKnown: !isHybrid,
    seqpacket: false,
  };
}

function has(like: object, field: string): boolean {
  return (like as Record<string, unknown>)[field] !== undefined;
}

const vmIdOfCid: ReadonlyMap<number, string> = new Map([
  [VMADDR_CID_HOST, HV_GUID_PARENT],
  [VMADDR_CID_ANY, HV_GUID_WILDCARD],
  [VMADDR_CID_LOCAL, HV_GUID_LOOPBACK],
]);

const cidOfVmId: ReadonlyMap<string, number> = new Map([...vmIdOfCid].map(([cid, vmId]) => [vmId, cid]));

/**
 * The same endpoint on Hyper-V: CID 2 is the parent, any the wildcard, 1 loopback; the port becomes a service GUID.
 * @throws ERR_HVSOCK_INVALID_ADDRESS for any other CID, as Hyper-V knows machines by GUID, and for a port over
 * 2147483647
 */
export function vsockToHyperv(address: VsockAddress): HypervAddress {
  const vmId = vmIdOfCid.get(address.cid);
  if (vmId === undefined) {
    throw invalidAddress(
      `${address}`,
      `Hyper-V knows machines by GUID, so CID ${address.cid} has no counterpart there; ` +
        `write hvsock://GUID/${address.port}, with a GUID from "hvsock vms"`,
    );
  }
  if (address.port > SERVICE_PORT_MAX) {
    throw invalidAddress(`${address}`, `on Hyper-V, port out of range 0 to ${SERVICE_PORT_MAX}`);
  }
  return new HypervAddress({ vmId, serviceId: serviceIdOfPort(address.port) });
}

/**
 * The same endpoint by context id: the parent is CID 2, the wildcard any, loopback 1. The service must stand for a
 * port.
 * @throws ERR_HVSOCK_INVALID_ADDRESS for any other machine, and for a service GUID that stands for no port
 */
export function hypervToVsock(address: HypervAddress): VsockAddress {
  const cid = cidOfVmId.get(address.vmId);
  if (cid === undefined) {
    throw invalidAddress(`${address}`, 'only parent, wildcard and loopback have a CID (2, any and 1)');
  }
  const port = portOfServiceId(address.serviceId);
  if (port === undefined) {
    throw invalidAddress(
      `${address}`,
      `its service stands for no vsock port; ${serviceIdOfPort(1024)} would stand for port 1024`,
    );
  }
  return new VsockAddress({ cid, port });
}
