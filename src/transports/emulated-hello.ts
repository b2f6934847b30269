// What a connection of the emulated hypervisor begins with: who connects, and to whom. Text in, text out, no I/O.

/** Bytes of a hello, so that it can be read without a byte of what follows. */
export const HELLO_LENGTH = 128;

export interface Hello {
  /** The CID of who connects, as the other side is to see it. */
  readonly cid: number;
  readonly port: number;
  /** The CID that was connected to. */
  readonly targetCid: number;
  /** A port in decimal, or a service GUID. */
  readonly service: string;
  /** The hypervisor's secret: 32 hexadecimal digits. */
  readonly token: string;
}

const SYNTAX = /^hvsock (\d{1,10}) (\d{1,10}) (\d{1,10}) (\d{1,10}|[0-9a-f-]{36}) ([0-9a-f]{32}) *\n$/;

export function writeHello({ cid, port, targetCid, service, token }: Hello): string {
  return `${`hvsock ${cid} ${port} ${targetCid} ${service} ${token}`.padEnd(HELLO_LENGTH - 1)}\n`;
}

/** Undefined for anything but a hello. */
export function readHello(bytes: Uint8Array): Hello | undefined {
  if (bytes.length !== HELLO_LENGTH) return undefined;
  const [, cid, port, targetCid, service, token] = SYNTAX.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  if (service === undefined || token === undefined) return undefined;
  const numbers = [Number(cid), Number(port), Number(targetCid)] as const;
  if (numbers.some((number) => number > 0xffff_ffff) || (service.length <= 10 && Number(service) > 0xffff_ffff)) {
    return undefined;
  }
  return { cid: numbers[0], port: numbers[1], targetCid: numbers[2], service, token };
}
