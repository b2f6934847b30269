// The AF_VSOCK calls that connecting and listening share: sockets, names, options, and what an established one tells.
// Sources: man vsock(7), Linux include/uapi/linux/vm_sockets.h.
import { existsSync } from 'node:fs';
import type { Address } from '../address/address.ts';
import { VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VsockAddress } from '../address/vsock.ts';
import { HvsockError, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import type { BufferSizes, Connection } from '../socket.ts';
import { localCid } from './local-cid.ts';
import type { BufferOptions } from './transport.ts';

const AF_VSOCK = 40;
const SOCK_STREAM = 1;

const SO_VM_SOCKETS_BUFFER_SIZE = 0;
const SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1;
const SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2;
const SO_VM_SOCKETS_CONNECT_TIMEOUT = 6;
/** There when the driver for connections from a host to its guests is loaded. */
const HOST_DRIVER = '/sys/module/vhost_vsock';
/** VSOCK_DEFAULT_BUFFER_MAX_SIZE: the kernel cuts a larger size down to the maximum without a word. */
const KERNEL_BUFFER_MAX_SIZE = 256 * 1024;

// A sockaddr_vm has 16 bytes. Addresses are read right after the call, so one buffer serves them all.
const nameBytes = new Uint8Array(16);

export function check(result: number, syscall: string, address?: Address): number {
  if (result < 0) throw systemError(result, syscall, 'vsock', address?.toString());
  return result;
}

export function openSocket(binding: Binding, address: Address): number {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new HvsockError(`${address}: AF_VSOCK needs Linux or macOS; on Windows use hvsock:// addresses`, {
      code: 'EAFNOSUPPORT',
      kind: 'unsupported',
      syscall: 'socket',
      address: address.toString(),
    });
  }
  return check(binding.socket_open(AF_VSOCK, SOCK_STREAM, 0), 'socket', address);
}

export function readName(binding: Binding, fd: number, which: 'local' | 'peer'): VsockAddress {
  const read = which === 'local' ? binding.socket_local_name : binding.socket_peer_name;
  check(read(fd, nameBytes), which === 'local' ? 'getsockname' : 'getpeername');
  return VsockAddress.fromSockaddr(nameBytes);
}

function setUint64(binding: Binding, fd: number, name: number, value: number): void {
  check(
    binding.socket_set_option(fd, AF_VSOCK, name, new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)),
    'setsockopt',
  );
}

function getUint64(binding: Binding, fd: number, name: number): number {
  const value = new BigUint64Array(1);
  check(binding.socket_get_option(fd, AF_VSOCK, name, new Uint8Array(value.buffer)), 'getsockopt');
  return Number(value[0]);
}

// The maximum first: the kernel fits each size between the limits of the moment.
export function setBuffers(binding: Binding, fd: number, options: BufferOptions): void {
  const { bufferSize, bufferMinSize } = options;
  const largest = Math.max(bufferSize ?? 0, bufferMinSize ?? 0);
  const bufferMaxSize = options.bufferMaxSize ?? (largest > KERNEL_BUFFER_MAX_SIZE ? largest : undefined);
  if (bufferMaxSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE, bufferMaxSize);
  if (bufferMinSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_MIN_SIZE, bufferMinSize);
  if (bufferSize !== undefined) setUint64(binding, fd, SO_VM_SOCKETS_BUFFER_SIZE, bufferSize);
}

// struct __kernel_old_timeval: two longs. Linux only; macOS has no such option.
export function setConnectTimeout(binding: Binding, fd: number, milliseconds: number): void {
  if (process.platform !== 'linux') return;
  const seconds = Math.floor(milliseconds / 1000);
  const timeval = BigInt64Array.of(BigInt(seconds), BigInt(Math.floor((milliseconds - seconds * 1000) * 1000)));
  check(
    binding.socket_set_option(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, new Uint8Array(timeval.buffer)),
    'setsockopt',
  );
}

export class VsockConnection implements Connection {
  readonly remote: VsockAddress;
  readonly #fd: number;
  readonly #toHost: boolean;
  #local: VsockAddress;

  constructor(fd: number, local: VsockAddress, remote: VsockAddress, toHost = false) {
    this.#fd = fd;
    this.#toHost = toHost;
    this.#local = local;
    this.remote = remote;
  }

  // The kernel binds a connecting socket to the CID any and leaves it at that, so its name tells only the port. The CID
  // that the other side sees is the one of the driver that serves the connection (vsock_assign_transport).
  get local(): VsockAddress {
    if (this.#local.cid === VMADDR_CID_ANY) {
      this.#local = new VsockAddress({ cid: cidTowards(this.remote.cid, this.#toHost), port: this.#local.port });
    }
    return this.#local;
  }

  bufferSizes(): BufferSizes {
    const binding = loadBinding();
    return {
      size: getUint64(binding, this.#fd, SO_VM_SOCKETS_BUFFER_SIZE),
      minSize: getUint64(binding, this.#fd, SO_VM_SOCKETS_BUFFER_MIN_SIZE),
      maxSize: getUint64(binding, this.#fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE),
    };
  }
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
