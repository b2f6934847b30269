// Agents for node:http and node:https whose every connection goes to one hypervisor address. Pooling, limits and idle
// times are Node's; how a transport connects is not known here.
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type tls from 'node:tls';
import { type AddressLike, toAddress } from '../address/address.ts';
import { invalidArgument } from '../errors.ts';
import type { Socket } from '../socket.ts';
import { type HttpConnectOptions, prepareHttpConnect } from './http-connect.ts';

export interface AgentOptions extends http.AgentOptions {
  /** How each connection is made: `connect()`'s options, as `timeout` (to connect), `retry`, `signal`, `partition`. */
  readonly connect?: HttpConnectOptions | undefined;
}

export interface HttpsAgentOptions extends https.AgentOptions {
  /** How each connection is made: `connect()`'s options, as `timeout` (to connect), `retry`, `signal`, `partition`. */
  readonly connect?: HttpConnectOptions | undefined;
}

/**
 * An `http.Agent` that connects to `address`, whatever host and port a request names: those only make the Host header.
 * Options are `http.Agent`'s, but `keepAlive` is true unless given. Throws what `connect()` throws; a connection that
 * fails is the request's 'error', an `HvsockError`.
 */
export class Agent extends http.Agent {
  readonly #name: string;
  readonly #connect: () => Socket;

  constructor(address: AddressLike, options: AgentOptions = {}) {
    const connect = prepare(address, options);
    super({ ...withoutConnect(options), keepAlive: options.keepAlive ?? true });
    this.#name = toAddress(address).toString();
    this.#connect = connect;
  }

  /** Called by Node for each connection that it needs. */
  override createConnection(options: http.ClientRequestArgs): Socket {
    const socket = this.#connect();
    // net.connect(), which this stands for, does so too, and http.Agent counts on it.
    if (options.timeout) socket.setTimeout(options.timeout);
    return socket;
  }

  /** The key of `sockets`, `freeSockets` and `requests`: one pool for all hosts, named by the address. */
  override getName(): string {
    return this.#name;
  }
}

/**
 * An `https.Agent` that does the same, with TLS over the hypervisor socket. Options are `https.Agent`'s too (`ca`, `cert`,
 * `servername`...). The certificate must be that of `servername`, by default the host that the request names.
 */
export class HttpsAgent extends https.Agent {
  readonly #name: string;
  readonly #connect: () => Socket;
  // Where TLS goes through JavaScript, as over hybrid addresses, ref() and unref() of the secured socket end there.
  readonly #beneath = new WeakMap<Duplex, Socket>();

  constructor(address: AddressLike, options: HttpsAgentOptions = {}) {
    const connect = prepare(address, options);
    super({ ...withoutConnect(options), keepAlive: options.keepAlive ?? true });
    this.#name = toAddress(address).toString();
    this.#connect = connect;
  }

  /** Called by Node for each connection that it needs. */
  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = this.#connect();
    const overSocket: https.RequestOptions & { socket: Socket } = { ...options, socket };
    const secured = super.createConnection(overSocket, callback) as tls.TLSSocket;
    this.#beneath.set(secured, socket);
    // tls.connect() leaves this to whoever gives it a socket.
    if (options.timeout) secured.setTimeout(options.timeout);
    return secured;
  }

  /** Called by Node when a connection has nothing to do. */
  override keepSocketAlive(secured: Duplex): boolean {
    this.#beneath.get(secured)?.unref();
    return super.keepSocketAlive(secured) as unknown as boolean;
  }

  /** Called by Node when it has something to do again. */
  override reuseSocket(secured: Duplex, request: http.ClientRequest): void {
    this.#beneath.get(secured)?.ref();
    super.reuseSocket(secured, request);
  }

  /** The same key, and how the connection is secured: one pool for each way of that. */
  override getName(options: https.RequestOptions = {}): string {
    return super.getName({ ...options, host: this.#name, port: undefined });
  }
}

/** Options of `connect()` that `http.Agent` would take no notice of. */
const CONNECT_ONLY = [
  'signal',
  'retry',
  'partition',
  'toHost',
  'guestCid',
  'bufferSize',
  'bufferMinSize',
  'bufferMaxSize',
  'halfClose',
];

function prepare(address: AddressLike, options: AgentOptions): () => Socket {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
  const { connect = {} } = options;
  if (typeof connect !== 'object' || connect === null)
    throw invalidArgument('connect', connect, "an object with connect()'s options");
  for (const name of CONNECT_ONLY) {
    if (name in options) throw invalidArgument('options', options, `given with ${name} in { connect: { ${name} } }`);
  }
  return prepareHttpConnect(address, connect);
}

function withoutConnect<Options extends AgentOptions>({ connect: _, ...others }: Options): Omit<Options, 'connect'> {
  return others;
}
