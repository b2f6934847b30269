// One end of a forwarding, as a command line names it: an address of this library, TCP, stdin and stdout, or systemd's.
import type { Address } from '../index.ts';
import { namesNoMachine, type Role, readAddressText } from './address-argument.ts';
import { UsageError } from './arguments.ts';

export type ForwardEnd =
  | { readonly type: 'address'; readonly address: Address }
  | { readonly type: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly type: 'standard' }
  | { readonly type: 'systemd' };

/** @throws UsageError */
export function readForwardEnd(text: string, role: Role): ForwardEnd {
  if (text === '-') return { type: 'standard' };
  if (text === 'systemd') {
    if (role === 'listen') return { type: 'systemd' };
    throw new UsageError('systemd passes sockets to listen on; it is nothing to connect to');
  }
  if (/^tcp:/i.test(text)) return readTcp(text, role);
  const address = readAddressText(text);
  if (role === 'connect' && namesNoMachine(address)) {
    throw new UsageError(`${address} names no machine to connect to; write CID:PORT`);
  }
  return { type: 'address', address };
}

export function formatEnd(end: ForwardEnd): string {
  switch (end.type) {
    case 'address':
      return `${end.address}`;
    case 'tcp':
      return `tcp://${end.host?.includes(':') ? `[${end.host}]` : (end.host ?? '')}:${end.port}`;
    case 'standard':
      return 'stdin and stdout';
    case 'systemd':
      return 'systemd';
  }
}

function readTcp(text: string, role: Role): ForwardEnd {
  const match = /^tcp:\/\/(?:\[([0-9a-f:.]+(?:%\w+)?)\]|([^\s:/[\]]*)):(\d+)$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(`${JSON.stringify(text)} is no address: write tcp://HOST:PORT, a port being 0 to 65535`);
  }
  const host = match[1] ?? (match[2] || undefined);
  if (role === 'connect' && host === undefined) {
    throw new UsageError(`${text} names no host to connect to; write tcp://HOST:${port}`);
  }
  if (role === 'connect' && port === 0) throw new UsageError(`${text}: port 0 is none to connect to`);
  return { type: 'tcp', host, port };
}
