// Calls of the addon that every family makes in the same way, with errors thrown.
import type { Address } from '../address/address.ts';
import { type Family, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';

/** What `socket(2)` takes. */
export interface SocketType {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
}

// The longest address of any family. Addresses are read right after the call, so one buffer serves them all.
const nameBytes = new Uint8Array(128);

export class NativeCalls {
  readonly #family: Family;
  readonly #type: SocketType;

  constructor(family: Family, type: SocketType) {
    this.#family = family;
    this.#type = type;
  }

  /** A result that is none of the addon's errors. Throws the error otherwise. */
  check(result: number, syscall: string, address?: Address): number {
    if (result < 0) throw systemError(result, syscall, this.#family, address?.toString());
    return result;
  }

  /** Opens a socket for an address and prepares it; closes it if that fails. */
  open(binding: Binding, address: Address, prepare: (fd: number) => void): number {
    const { family, type, protocol } = this.#type;
    const fd = this.check(binding.socket_open(family, type, protocol), 'socket', address);
    try {
      prepare(fd);
      return fd;
    } catch (error) {
      binding.socket_close(fd);
      throw error;
    }
  }

  bind(binding: Binding, fd: number, address: Address & { toSockaddr(): Uint8Array }): void {
    this.check(binding.socket_bind(fd, address.toSockaddr()), 'bind', address);
  }

  listen(binding: Binding, fd: number, backlog: number, address: Address): void {
    this.check(binding.socket_listen(fd, backlog), 'listen', address);
  }

  setOption(binding: Binding, fd: number, level: number, name: number, value: ArrayBufferView): void {
    this.check(
      binding.socket_set_option(fd, level, name, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
      'setsockopt',
    );
  }

  /** The bytes of a socket's own address, or of its peer's; the next call overwrites them. */
  nameOf(binding: Binding, fd: number, which: 'local' | 'peer'): Uint8Array {
    const read = which === 'local' ? binding.socket_local_name : binding.socket_peer_name;
    this.check(read(fd, nameBytes), which === 'local' ? 'getsockname' : 'getpeername');
    return nameBytes;
  }
}
