// The public names of the package.
export {
  type Address,
  type AddressLike,
  type Capabilities,
  capabilitiesOf,
  hypervToVsock,
  toAddress,
  vsockToHyperv,
} from './address/address.ts';
export { portOfServiceId, serviceIdOfPort } from './address/guid.ts';
export { type Dialect, HybridAddress, type HybridFields } from './address/hybrid.ts';
export {
  HV_GUID_BROADCAST,
  HV_GUID_CHILDREN,
  HV_GUID_LOOPBACK,
  HV_GUID_PARENT,
  HV_GUID_SILOHOST,
  HV_GUID_VSOCK_TEMPLATE,
  HV_GUID_WILDCARD,
  HV_GUID_ZERO,
  HypervAddress,
  type HypervFields,
  readVmId,
} from './address/hyperv.ts';
export { parseAddress } from './address/uri.ts';
export {
  VMADDR_CID_ANY,
  VMADDR_CID_HOST,
  VMADDR_CID_HYPERVISOR,
  VMADDR_CID_LOCAL,
  VMADDR_FLAG_TO_HOST,
  VMADDR_PORT_ANY,
  VsockAddress,
  type VsockFields,
} from './address/vsock.ts';
export {
  type ConnectOptions,
  connect,
  connectAsync,
  type FramedConnectOptions,
  type RetryOptions,
} from './connect.ts';
export { type ErrorKind, type Family, HvsockError } from './errors.ts';
export { type FramedOptions, FramedSocket, type FramedSocketOptions } from './framing/framed-socket.ts';
export type { Beneath } from './framing/over-socket.ts';
export { listenInherited } from './inherited.ts';
export { type Relay, type RelayIo, type RelayOptions, relay } from './relay.ts';
export type { RelayCounts } from './relaying/engine.ts';
export {
  createServer,
  type DropArgument,
  type FramedServerOptions,
  type ListenOptions,
  listen,
  Server,
  type ServerOptions,
} from './server.ts';
export { type BufferSizes, type Endpoints, Socket, type StreamOptions } from './socket.ts';
export { localCid } from './transports/local-cid.ts';
export type { AttemptOptions, BufferOptions } from './transports/transport.ts';
