// Who is meant by an address inside an emulated hypervisor, and what the kernel would refuse: Linux
// net/vmw_vsock/af_vsock.c. Files are looked at; nothing is opened.
import type net from 'node:net';
import { type Address, type AddressLike, toAddress } from '../address/address.ts';
import { portOfServiceId, serviceIdOfPort } from '../address/guid.ts';
import {
  HV_GUID_CHILDREN,
  HV_GUID_LOOPBACK,
  HV_GUID_PARENT,
  HV_GUID_WILDCARD,
  HypervAddress,
} from '../address/hyperv.ts';
import { VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VMADDR_PORT_ANY, VsockAddress } from '../address/vsock.ts';
import { errnoOf, type HvsockError, systemError } from '../errors.ts';
import type { Hello } from './emulated-hello.ts';
import type { Place } from './hybrid-listener.ts';
import { loopbackOf } from './loopback-port.ts';
import { GATE, type Partition } from './partition.ts';
import { type Sighting, sight } from './sighting.ts';
import type { AttemptOptions } from './transport.ts';

/** Ports below this are for root. */
const FIRST_FREE_PORT = 1024;

export const fail = (code: string, syscall: string, address: AddressLike): HvsockError =>
  systemError(errnoOf(code), syscall, toAddress(address).family, `${address}`);

/** Where a connection goes. */
export interface Route {
  readonly to: net.IpcNetConnectOpts | (net.TcpNetConnectOpts & { readonly host: string });
  /** Undefined for a program that stands in for a port of the host on a monitor's path, and knows no hello. */
  readonly hello: Hello | undefined;
  /** Whether the hello is answered: by a gate, or by a listener on the loopback. */
  readonly answered: boolean;
  /** The gate that it goes by, if it does. */
  readonly gate?: Sighting;
}

/**
 * Whether listeners answer. A unix socket is connected for good, and its bytes are safe, once the listener's backlog has
 * it, as a vsock is; TCP takes connections that it resets later when the backlog is full.
 */
export const answersHello = (own: Partition): boolean => own.hypervisor.medium === 'loopback';

/** The way from `own` to the target; `pastGate` for one whose gate is nobody's any more. */
export function routeTo(own: Partition, target: Address, options: AttemptOptions, pastGate: boolean): Route {
  const { localPort, toHost } = options;
  if (localPort !== undefined) {
    checkPrivilege(localPort, target);
    if (own.serves(`${localPort}`)) throw fail('EADDRINUSE', 'bind', target);
  }
  const found = resolve(own, target, toHost);
  if (found === undefined) throw fail('ENODEV', 'connect', target);
  const { cid, service } = found;
  const isLocal = target.family === 'vsock' && target.cid === VMADDR_CID_LOCAL;
  const hello: Hello = {
    cid: isLocal ? VMADDR_CID_LOCAL : own.cid,
    port: localPort ?? choosePort(own),
    targetCid: isLocal ? VMADDR_CID_LOCAL : cid,
    service,
    token: own.hypervisor.token,
  };
  if (cid === own.cid) {
    const local = localName(service);
    return {
      ...within(own, cid, isLocal && own.serves(local) ? local : service, target),
      hello,
      answered: answersHello(own),
    };
  }
  const guest = own.isHost ? cid : own.cid;
  const gate = pastGate ? undefined : sight(own.hypervisor.fileOf(guest, GATE));
  if (gate !== undefined) return { ...within(own, guest, GATE, target), hello, answered: true, gate };
  return routeThrough(own, hello, target);
}

/** The way to another machine that a hello names, past the gates. */
export function routeThrough(own: Partition, hello: Hello, target: Address): Route {
  const { targetCid, service } = hello;
  if (targetCid === VMADDR_CID_HOST && !own.hypervisor.has(targetCid, service)) {
    const path = own.exposedPath(service);
    if (path !== undefined) return { to: { path }, hello: undefined, answered: false };
  }
  return { ...within(own, targetCid, service, target), hello, answered: answersHello(own) };
}

function within(own: Partition, cid: number, name: string, target: Address): Pick<Route, 'to'> {
  const path = own.hypervisor.fileOf(cid, name);
  const to = own.hypervisor.medium === 'unix' ? { path } : loopbackOf(path);
  if (to === undefined) throw refusal(target);
  return { to };
}

/** What a connect to a port that nobody listens on ends with. */
export const refusal = (target: Address): HvsockError =>
  fail(target.family === 'hyperv' ? 'ECONNREFUSED' : 'ECONNRESET', 'connect', target);

/** A machine and a service, as an address names them for `own`; undefined where there is no such machine. */
function resolve(own: Partition, target: Address, toHost = false): { cid: number; service: string } | undefined {
  if (target.family === 'hyperv') {
    const cid = cidOfVmId(own, target.vmId);
    return cid === undefined ? undefined : { cid, service: serviceName(target.serviceId) };
  }
  const { cid, port } = target as VsockAddress;
  const service = `${port}`;
  if (cid === VMADDR_CID_LOCAL || cid === own.cid) return { cid: own.cid, service };
  if (cid === VMADDR_CID_HOST) return { cid, service };
  // A guest reaches its host; its siblings only by way of it.
  if (cid < VMADDR_CID_HOST || !(own.isHost || toHost)) return undefined;
  return own.hypervisor.runs(cid) ? { cid, service } : undefined;
}

function cidOfVmId(own: Partition, vmId: string): number | undefined {
  if (vmId === HV_GUID_LOOPBACK) return own.cid;
  if (vmId === HV_GUID_PARENT) return own.isHost ? undefined : VMADDR_CID_HOST;
  return own.hypervisor.cidOf(vmId);
}

/** The port or service to listen on, and the address that it is then. */
export function placeFor(own: Partition, target: Address): Place {
  const place = (name: string, address: Address): Place => ({
    path: own.hypervisor.fileOf(own.cid, name),
    address,
    onLoopback: own.hypervisor.medium === 'loopback',
  });
  if (target.family === 'hyperv') {
    const { vmId, serviceId } = target;
    const isOwn = [HV_GUID_WILDCARD, HV_GUID_LOOPBACK, HV_GUID_PARENT, HV_GUID_CHILDREN, own.vmId].includes(vmId);
    if (!isOwn && own.hypervisor.cidOf(vmId) === undefined) throw fail('EADDRNOTAVAIL', 'bind', target);
    return place(serviceName(serviceId), target);
  }
  const { cid, port: wanted } = target as VsockAddress;
  const isLocal = cid === VMADDR_CID_LOCAL;
  if (!isLocal && cid !== VMADDR_CID_ANY && cid !== own.cid) throw fail('EADDRNOTAVAIL', 'bind', target);
  const port = wanted === VMADDR_PORT_ANY ? choosePort(own) : wanted;
  checkPrivilege(port, target);
  const [name, other] = isLocal ? [localName(`${port}`), `${port}`] : [`${port}`, localName(`${port}`)];
  const address = new VsockAddress({ cid, port });
  // Two may share a port only if each has a CID of its own.
  if (own.serves(other) && (isLocal || cid === VMADDR_CID_ANY)) throw fail('EADDRINUSE', 'bind', address);
  return place(name, address);
}

function choosePort(own: Partition): number {
  let port: number;
  do port = FIRST_FREE_PORT + Math.floor(Math.random() * (0x7fff_ffff - FIRST_FREE_PORT));
  while (own.serves(`${port}`));
  return port;
}

function checkPrivilege(port: number, address: Address): void {
  if (port < FIRST_FREE_PORT && process.geteuid !== undefined && process.geteuid() !== 0) {
    throw fail('EACCES', 'bind', address);
  }
}

/** Where a listener on the local CID has its socket: only its own machine reaches it. */
const localName = (service: string) => `local-${service}`;

/** The service name of a port or service GUID: one that stands for a port is that port. */
const serviceName = (serviceId: string) => `${portOfServiceId(serviceId) ?? serviceId}`;

/** The address of an end, in the family that the program speaks. */
export function endpoint(own: Partition, family: Address['family'], cid: number, service: string): Address {
  if (family !== 'hyperv') return new VsockAddress({ cid, port: Number(service) });
  const vmId = cid === VMADDR_CID_LOCAL ? HV_GUID_LOOPBACK : own.hypervisor.vmIdOf(cid);
  const serviceId = /^\d+$/.test(service) ? serviceIdOfPort(Number(service)) : service;
  return new HypervAddress({ vmId, serviceId });
}
