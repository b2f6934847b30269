// What a VMM's unix socket expects before the bytes of a connection: text in, text out, no I/O.
// Sources: Firecracker docs/vsock.md, Cloud Hypervisor docs/vsock.md, HyperKit src/lib/virtio_sock.c.
import type { Address } from '../address/address.ts';
import type { HybridAddress } from '../address/hybrid.ts';
import { HvsockError } from '../errors.ts';

/** The longest answer: `OK 4294967295` is 13 bytes; what has no newline by then is something else. */
const LONGEST_ANSWER = 32;
const NEWLINE = 0x0a;

/** What a dialect sends first, in one write; empty where it sends nothing. */
export function greetingOf(address: HybridAddress, guestCid: number): string {
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  switch (address.dialect) {
    case 'firecracker':
      return `CONNECT ${address.port}\n`;
    case 'hyperkit':
      return `${hex(guestCid)}.${hex(address.port ?? 0)}\n`;
    case 'unix':
      return '';
  }
}

/** The answer `OK <port>\n`, however it is cut into pieces. */
export class HandshakeAnswer {
  readonly #address: Address;
  #line = Buffer.alloc(0);

  /** `address` is for messages. */
  constructor(address: Address) {
    this.#address = address;
  }

  /**
   * Takes a piece. Once the line is whole: the port that the VMM assigned on this side, and how many bytes of the piece
   * belonged to the line; what follows them is the connection's.
   * @throws ERR_HVSOCK_PROTOCOL, quoting what came
   */
  take(piece: Uint8Array): { port: number; used: number } | undefined {
    const end = piece.indexOf(NEWLINE);
    const used = end < 0 ? piece.length : end + 1;
    this.#line = Buffer.concat([this.#line, piece.subarray(0, Math.min(used, LONGEST_ANSWER + 1))]);
    if (this.#line.length > LONGEST_ANSWER) throw this.#error(`is longer than ${LONGEST_ANSWER} bytes`);
    if (end < 0) return undefined;
    const [, digits] = /^OK (\d+)\n$/.exec(this.#line.toString('latin1')) ?? [];
    if (digits === undefined) throw this.#error('is not "OK <port>"');
    const port = Number(digits);
    if (port > 0xffff_ffff) throw this.#error('has a port out of range 0 to 4294967295');
    return { port, used };
  }

  /** The connection ended before the line was whole: nobody listens on that port in the guest, if nothing came. */
  end(): HvsockError {
    if (this.#line.length > 0) return this.#error('ended in the middle');
    return new HvsockError(
      `connect ECONNREFUSED ${this.#address}: the VMM closed without an answer; nobody listens on that port in the ` +
        'guest, or it has too many connections; start the listener, or retry',
      { code: 'ECONNREFUSED', kind: 'refused', syscall: 'connect', address: `${this.#address}` },
    );
  }

  #error(problem: string): HvsockError {
    return new HvsockError(
      `${this.#address}: the answer ${JSON.stringify(this.#line.toString('latin1'))} ${problem}; ` +
        "is that path a VMM's vsock socket?",
      { code: 'ERR_HVSOCK_PROTOCOL', kind: 'protocol', address: `${this.#address}` },
    );
  }
}
