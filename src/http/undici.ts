// What undici's Agent, Pool and Client take as `connect`. Only the shape of their call is known here: no undici is imported.
import { isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import { type AddressLike, toAddress } from '../address/address.ts';
import { invalidArgument, timeoutError } from '../errors.ts';
import { type HttpConnectOptions, prepareHttpConnect } from './http-connect.ts';

export interface ConnectorOptions extends HttpConnectOptions {
  /** Milliseconds that each attempt to connect may take, and as many for the handshake of TLS. */
  readonly timeout?: number | undefined;
  /**
   * For `https:` URLs, what `tls.connect()` takes: `ca`, `cert`, `servername`... `ALPNProtocols: ['h2', 'http/1.1']` lets
   * undici speak HTTP/2. Default: HTTP/1.1, and a certificate that is for the URL's host.
   */
  readonly tls?: tls.ConnectionOptions | undefined;
}

/** What undici says of the request that it needs a connection for; its `buildConnector.Options` in this library's words. */
export interface ConnectorRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly servername?: string | null | undefined;
}

/** What undici is told: the connection, or why there is none. */
export type ConnectorCallback = (...result: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

/** A function for undici's option `connect`. */
export type Connector = (request: ConnectorRequest, callback: ConnectorCallback) => void;

/**
 * Has undici connect to `address`, whatever the URL's host and port: `new Agent({ connect: createConnector('vsock://3:80') })`
 * is a dispatcher for `fetch`. Throws what `connect()` throws; a connection that fails rejects the request with an
 * `HvsockError`, as the `cause` of fetch's TypeError.
 */
export function createConnector(address: AddressLike, options: ConnectorOptions = {}): Connector {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
  const { tls: tlsOptions, ...connectOptions } = options;
  const connect = prepareHttpConnect(address, connectOptions);
  return ({ protocol, hostname, servername }, callback) => {
    let hasReported = false;
    const report: ConnectorCallback = (...result) => {
      if (!hasReported) callback(...result);
      hasReported = true;
    };
    // They stay: undici's own listeners come a moment after the callback.
    const socket = connect().on('error', (error) => report(error, null));
    socket.once('connect', () => {
      if (protocol !== 'https:') {
        report(null, socket);
        return;
      }
      // A name of the request's own, as of its Host header, goes first, as with undici's connector.
      const name = servername || tlsOptions?.servername || (isIP(hostname) ? '' : hostname);
      const secured = tls.connect({
        ALPNProtocols: ['http/1.1'],
        ...tlsOptions,
        host: hostname,
        servername: name,
        socket,
      });
      secured.on('error', (error) => report(error, null));
      secured.once('secureConnect', () => report(null, secured));
      limitHandshake(secured, connectOptions.timeout, address);
    });
  };
}

function limitHandshake(secured: tls.TLSSocket, timeout: number | undefined, address: AddressLike): void {
  if (timeout === undefined) return;
  const timer = setTimeout(() => secured.destroy(timeoutError(timeout, `${toAddress(address)}`)), timeout);
  const stop = () => clearTimeout(timer);
  secured.once('secureConnect', stop).once('close', stop);
}
