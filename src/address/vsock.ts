// The address of an AF_VSOCK socket: a context id and a port, its text and its sockaddr_vm.
import { endianness } from 'node:os';
import { invalidArgument } from '../errors.ts';
import { checkFields, UINT32_MAX, uint32Field } from './field.ts';
import { inspectAsText } from './inspection.ts';

/** Any context id: listen on all that this machine has. */
export const VMADDR_CID_ANY: number = UINT32_MAX;
/** The hypervisor itself; no current transport serves it. */
export const VMADDR_CID_HYPERVISOR: number = 0;
/** This machine, by loopback (Linux 5.6 and later). */
export const VMADDR_CID_LOCAL: number = 1;
/** The host, as a guest sees it. */
export const VMADDR_CID_HOST: number = 2;
/** Any port: the system chooses one when the socket is bound. Port 0 is an ordinary port. */
export const VMADDR_PORT_ANY: number = UINT32_MAX;
/** The flag of `svm_flags` that sends a connection to a sibling machine by way of the host. */
export const VMADDR_FLAG_TO_HOST: number = 1;

/** The names that text may use for context ids. */
export const cidOfName: ReadonlyMap<string, number> = new Map([
  ['any', VMADDR_CID_ANY],
  ['hypervisor', VMADDR_CID_HYPERVISOR],
  ['local', VMADDR_CID_LOCAL],
  ['host', VMADDR_CID_HOST],
]);

/** What a `VsockAddress` is made from. */
export interface VsockFields {
  readonly family?: 'vsock' | undefined;
  /** Unsigned 32-bit; any when absent. */
  readonly cid?: number | undefined;
  /** Unsigned 32-bit. */
  readonly port: number;
}

export interface SockaddrLayoutOptions {
  /** Whose layout; this machine's unless given. All but `darwin` use Linux's. */
  readonly platform?: NodeJS.Platform | undefined;
}

export interface VsockSockaddrOptions extends SockaddrLayoutOptions {
  /** Set VMADDR_FLAG_TO_HOST; false unless given. */
  readonly toHost?: boolean | undefined;
}

interface Layout {
  readonly length: number;
  readonly port: number;
  readonly cid: number;
  /** Absent where the system has no flags. */
  readonly flags?: number;
}

const AF_VSOCK = 40; // the same number on Linux and macOS

// include/uapi/linux/vm_sockets.h; xnu bsd/sys/vsock.h. Both give the family and the length a 16-bit field together.
const linuxLayout: Layout = { length: 16, port: 4, cid: 8, flags: 12 };
const darwinLayout: Layout = { length: 12, port: 4, cid: 8 };

const layoutOf = (platform: NodeJS.Platform): Layout => (platform === 'darwin' ? darwinLayout : linuxLayout);
const isLittleEndian = endianness() === 'LE'; // sockaddr_vm is in host order, unlike sockaddr_in

/** A context id and a port. Immutable. */
export class VsockAddress {
  readonly family = 'vsock' as const;
  /** Unsigned 32-bit; VMADDR_CID_ANY is 4294967295. */
  readonly cid: number;
  /** Unsigned 32-bit; VMADDR_PORT_ANY is 4294967295. */
  readonly port: number;

  /** @throws ERR_HVSOCK_INVALID_ARGUMENT naming the field */
  constructor(fields: VsockFields) {
    checkFields(fields, 'vsock', ['cid', 'port']);
    const { cid = VMADDR_CID_ANY, port } = fields;
    this.cid = uint32Field('cid', cid);
    this.port = uint32Field('port', port);
    Object.freeze(this);
  }

  /**
   * Reads a `sockaddr_vm` in host byte order. Bytes behind it are ignored: buffers for addresses are often longer.
   * @throws ERR_HVSOCK_INVALID_ARGUMENT if the bytes are too few or of another family
   */
  static fromSockaddr(bytes: Uint8Array, options: SockaddrLayoutOptions = {}): VsockAddress {
    const { view, layout } = viewSockaddr(bytes, options);
    return new VsockAddress({
      cid: view.getUint32(layout.cid, isLittleEndian),
      port: view.getUint32(layout.port, isLittleEndian),
    });
  }

  /**
   * Whether a `sockaddr_vm` carries VMADDR_FLAG_TO_HOST. It says which way a connection goes, not where, so it is no
   * part of the address.
   * @throws ERR_HVSOCK_INVALID_ARGUMENT as `fromSockaddr` does
   */
  static isToHost(bytes: Uint8Array, options: SockaddrLayoutOptions = {}): boolean {
    const { view, layout } = viewSockaddr(bytes, options);
    return layout.flags !== undefined && (view.getUint8(layout.flags) & VMADDR_FLAG_TO_HOST) !== 0;
  }

  /**
   * The `sockaddr_vm` in host byte order: 16 bytes, 12 on macOS.
   * @throws ERR_HVSOCK_INVALID_ARGUMENT for `toHost` on macOS, whose sockaddr_vm has no flags
   */
  toSockaddr(options: VsockSockaddrOptions = {}): Uint8Array {
    const { toHost = false, platform = process.platform } = options;
    const layout = layoutOf(platform);
    const bytes = new Uint8Array(layout.length);
    const view = new DataView(bytes.buffer);
    if (platform === 'darwin') {
      view.setUint8(0, layout.length);
      view.setUint8(1, AF_VSOCK);
    } else {
      view.setUint16(0, AF_VSOCK, isLittleEndian);
    }
    view.setUint32(layout.port, this.port, isLittleEndian);
    view.setUint32(layout.cid, this.cid, isLittleEndian);
    if (toHost) {
      if (layout.flags === undefined)
        throw invalidArgument('toHost', toHost, `false on ${platform}, which has no such flag`);
      view.setUint8(layout.flags, VMADDR_FLAG_TO_HOST);
    }
    return bytes;
  }

  /** `vsock://3:1024`; the CID any is written as nothing: `vsock://:1024`. */
  toString(): string {
    return `vsock://${this.cid === VMADDR_CID_ANY ? '' : this.cid}:${this.port}`;
  }

  toJSON(): { family: 'vsock'; cid: number; port: number } {
    return { family: this.family, cid: this.cid, port: this.port };
  }

  equals(other: unknown): boolean {
    return other instanceof VsockAddress && other.cid === this.cid && other.port === this.port;
  }

  static {
    inspectAsText(VsockAddress);
  }
}

function viewSockaddr(bytes: Uint8Array, options: SockaddrLayoutOptions): { view: DataView; layout: Layout } {
  const { platform = process.platform } = options;
  const layout = layoutOf(platform);
  if (!(bytes instanceof Uint8Array) || bytes.length < layout.length) {
    throw invalidArgument('sockaddr', bytes, `at least ${layout.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = platform === 'darwin' ? view.getUint8(1) : view.getUint16(0, isLittleEndian);
  if (family !== AF_VSOCK) throw invalidArgument('sockaddr family', family, `AF_VSOCK (${AF_VSOCK})`);
  return { view, layout };
}
