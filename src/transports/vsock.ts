// AF_VSOCK on Linux and macOS. Sources: man vsock(7), Linux include/uapi/linux/vm_sockets.h.
import { existsSync } from 'node:fs';
import type { Address } from '../address/address.ts';
import { VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VsockAddress } from '../address/vsock.ts';
import type { Binding } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import type { BufferSizes, Connection } from '../socket.ts';
import { refuseHypervOptions, refusePathOptions } from './foreign-options.ts';
import { localCid } from './local-cid.ts';
import { NativeCalls } from './native-calls.ts';
import type { Ends, NativeFamily } from './native-family.ts';
import { nativeTransport } from './native-transport.ts';
import type { BufferOptions, Transport } from './transport.ts';

export const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const calls = new NativeCalls('vsock', { family: AF_VSOCK, type: SOCK_STREAM, protocol: 0 });

const SO_VM_SOCKETS_BUFFER_SIZE = 0;
const SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1;
const SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2;
const SO_VM_SOCKETS_CONNECT_TIMEOUT = 6;
/** There when the driver for connections from a host to its guests is loaded. */
const HOST_DRIVER = '/sys/module/vhost_vsock';
/** VSOCK_DEFAULT_BUFFER_MAX_SIZE: the kernel cuts a larger size down to the maximum without a word. */
const KERNEL_BUFFER_MAX_SIZE = 256 * 1024;

// The registry hands each transport addresses of its own family only.
export const vsockFamily: NativeFamily = {
  family: 'vsock',

  checkOptions(options) {
    refusePathOptions(options);
    refuseHypervOptions(options);
  },

  openConnecting(binding, target, options) {
    return calls.open(binding, target, (fd) => {
      setBuffers(binding, fd, options);
      if (options.timeout !== undefined) setConnectTimeout(binding, fd, options.timeout + 1000);
      if (options.localPort === undefined) return;
      const local = new VsockAddress({ cid: VMADDR_CID_ANY, port: options.localPort });
      calls.bind(binding, fd, local);
    });
  },

  sockaddrOf: (target, { toHost }) => (target as VsockAddress).toSockaddr({ toHost }),

  openListening(binding, target, options) {
    return calls.open(binding, target, (fd) => {
      setBuffers(binding, fd, options);
      calls.bind(binding, fd, target as VsockAddress);
      calls.listen(binding, fd, options.backlog, target);
    });
  },

  readName: (binding, fd, which) => VsockAddress.fromSockaddr(calls.nameOf(binding, fd, which)),
  connection: (fd, ends, { toHost }) => new VsockConnection(fd, ends, toHost),
  chooseIo: () => 'direct',
};

export const vsockTransport: Transport = nativeTransport(vsockFamily);

function setUint64(binding: Binding, fd: number, name: number, value: number): void {
  calls.setOption(binding, fd, AF_VSOCK, name, BigUint64Array.of(BigInt(value)));
}

function getUint64(binding: Binding, fd: number, name: number): number {
  const value = new BigUint64Array(1);
  calls.check(binding.socket_get_option(fd, AF_VSOCK, name, new Uint8Array(value.buffer)), 'getsockopt');
  return Number(value[0]);
}

// The maximum first: the kernel fits each size between the limits of the moment.
function setBuffers(binding: Binding, fd: number, options: BufferOptions): void {
  const { bufferSize, bufferMinSize } = options;
  const largest = Math.max(bufferSize ?? 0, bufferMinSize ?? 0);
  const bufferMaxSize = options.bufferMaxSize ?? (largest > KERNEL_BUFFER_MAX_SIZE ? largest : undefined);
  if (bufferMaxSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE, bufferMaxSize);
  if (bufferMinSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MIN_SIZE, bufferMinSize);
  if (bufferSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_SIZE, bufferSize);
}

// struct __kernel_old_timeval: two longs. Linux only; macOS has no such option.
function setConnectTimeout(binding: Binding, fd: number, milliseconds: number): void {
  if (process.platform !== 'linux') return;
  const seconds = Math.floor(milliseconds / 1000);
  const timeval = BigInt64Array.of(BigInt(seconds), BigInt(Math.floor((milliseconds - seconds * 1000) * 1000)));
  calls.setOption(binding, fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, timeval);
}

class VsockConnection implements Connection {
  readonly remote: Address;
  readonly bufferSizes?: () => BufferSizes;
  setRef?: (referenced: boolean) => void;
  readonly #toHost: boolean;
  #local: VsockAddress;

  constructor(fd: number | undefined, { local, remote }: Ends, toHost = false) {
    this.#toHost = toHost;
    this.#local = local as VsockAddress;
    this.remote = remote;
    if (fd !== undefined) this.bufferSizes = () => bufferSizesOf(fd);
  }

  // The kernel binds a connecting socket to the CID any and leaves it at that, so its name tells only the port. The CID
  // that the other side sees is the one of the driver that serves the connection (vsock_assign_transport).
  get local(): VsockAddress {
    if (this.#local.cid === VMADDR_CID_ANY) {
      const cid = cidTowards((this.remote as VsockAddress).cid, this.#toHost);
      this.#local = new VsockAddress({ cid, port: this.#local.port });
    }
    return this.#local;
  }
}

function bufferSizesOf(fd: number): BufferSizes {
  const binding = loadBinding();
  return {
    size: getUint64(binding, fd, SO_VM_SOCKETS_BUFFER_SIZE),
    minSize: getUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MIN_SIZE),
    maxSize: getUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE),
  };
}

/** The CID that the other side sees; any where that cannot be told. */
function cidTowards(remote: number, toHost: boolean): number {
  let own: number;
  try {
    own = localCid();
  } catch {
    return remote === VMADDR_CID_LOCAL ? VMADDR_CID_LOCAL : VMADDR_CID_ANY;
  }
  if (remote === VMADDR_CID_LOCAL || remote === own) return VMADDR_CID_LOCAL;
  const isServedAsHost = remote > VMADDR_CID_HOST && !toHost && existsSync(HOST_DRIVER);
  return isServedAsHost ? VMADDR_CID_HOST : own;
}
