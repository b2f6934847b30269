// Whom a stress test connects to, or where it listens: a hypervisor address as virtsock or hvcat write it, or TCP.
import { once } from 'node:events';
import net from 'node:net';
import { type Address, capabilitiesOf, connect, createServer, type Server } from '../index.ts';
import { namesNoMachine, type Role, readAddressText } from './address-argument.ts';
import { UsageError } from './arguments.ts';

export interface Target {
  /** Whether the answer to an `end()` still arrives. */
  readonly halfClose: boolean;
  toString(): string;
  /** A socket that is half open as long as it takes. Connecting takes the time that the system likes. */
  connect(onread: net.OnReadOpts): net.Socket;
  /** Listens; `onread` is for hypervisor addresses only, as net.Server has none. */
  listen(onread: net.OnReadOpts | undefined, onConnection: (socket: net.Socket) => void): Promise<Listening>;
}

export interface Listening {
  readonly server: Server | net.Server;
  /** With the port that it got. */
  readonly address: string;
}

// Those of virtsock: "VS", the service of the Docker that it came from, and 0x14b7.
const VSOCK_PORT = 0x5653;
const SERVICE_ID = '3049197c-facb-11e6-bd58-64006a7986d3';
const TCP_PORT = 5303;

/**
 * The target that `text` means: an address of any family, `3:1024`, `tcp://HOST:PORT`, and without a port or service
 * (`vsock`, `vsock://3`, `hvsock://VM`, `tcp`) virtsock's own.
 * @throws UsageError
 */
export function readTarget(text: string, role: Role): Target {
  const tcp = /^tcp([46])?(?::\/\/(\[[^\]]*\]|[^:/[\]]*)(?::(\d+))?)?$/i.exec(text);
  if (tcp !== null) return tcpTarget(tcp[1], tcp[2] ?? '', tcp[3]);
  const address = readAddressText(completed(text));
  if (role === 'connect' && namesNoMachine(address)) {
    throw new UsageError(`${address} names no machine to connect to; write vsock://CID:PORT, or -s to serve`);
  }
  return addressTarget(address);
}

function completed(text: string): string {
  const vsock = /^vsock(?::\/\/(\w*))?$/i.exec(text);
  if (vsock !== null) return `vsock://${vsock[1] ?? ''}:${VSOCK_PORT}`;
  const hyperv = /^hvsock(?::\/\/([^/:]*)(?:[/:](.+))?)?$/i.exec(text);
  if (hyperv !== null) return `hvsock://${hyperv[1] || 'wildcard'}/${hyperv[2] ?? SERVICE_ID}`;
  return text;
}

function addressTarget(address: Address): Target {
  return {
    halfClose: capabilitiesOf(address).halfClose,
    toString: () => `${address}`,
    // Without a timeout: Linux keeps the memory of each socket for as long as its connect might have taken.
    connect: (onread) => connect(address, { onread, allowHalfOpen: true }),
    async listen(onread, onConnection) {
      const options = { onread, allowHalfOpen: true, pauseOnConnect: true };
      const server = await createServer(options, onConnection).listen(address);
      return { server, address: `${server.address()}` };
    },
  };
}

function tcpTarget(family: string | undefined, hostText: string, portText = `${TCP_PORT}`): Target {
  const port = Number(portText);
  if (port > 65535) throw new UsageError(`TCP port ${portText} out of range 0 to 65535`);
  const host = hostText.replace(/^\[(.*)\]$/, '$1');
  const isIpv4 = family === '4';
  const textOf = (port: number) => `tcp${family ?? ''}://${hostText}:${port}`;
  return {
    halfClose: true,
    toString: () => textOf(port),
    connect(onread) {
      const at = { host: host || (isIpv4 ? '127.0.0.1' : 'localhost'), port, family: Number(family ?? 0) };
      return net.connect({ ...at, onread, allowHalfOpen: true });
    },
    async listen(_onread, onConnection) {
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
      server.listen({ host: host || (isIpv4 ? '0.0.0.0' : '::'), port, ipv6Only: family === '6' });
      await once(server, 'listening');
      return { server, address: textOf((server.address() as net.AddressInfo).port) };
    },
  };
}
