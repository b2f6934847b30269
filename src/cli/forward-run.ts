// Runs a forwarding until it is stopped: listens, connects to the far side for each connection, has the bytes carried, and
// tells how it went.
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { createServer, listenInherited, relay, type Server, VsockAddress } from '../index.ts';
import { Counters } from './counters.ts';
import { connectFarSide, type FarSideOptions } from './far-side.ts';
import type { ForwardRun } from './forward-arguments.ts';
import { type ForwardEnd, formatEnd } from './forward-end.ts';
import { errorFields, errorText, type Reporter } from './reporter.ts';
import { Session } from './session.ts';
import { takeActivatedDescriptors } from './socket-activation.ts';
import { StandardService } from './standard-service.ts';
import { openStandardInput, openStandardOutput } from './standard-streams.ts';
import type { StopSignal } from './stop-signal.ts';

interface Surroundings {
  readonly reporter: Reporter;
  readonly stop: StopSignal;
}

/** Returns the exit status. Rejects with what keeps it from beginning. */
export function runForward(run: ForwardRun, surroundings: Surroundings): Promise<number> {
  return run.listen.type === 'standard'
    ? forwardStandard(run, surroundings)
    : new Forwarder(run, surroundings).run(run.listen);
}

/** stdin and stdout, to the far side and back. */
async function forwardStandard(run: ForwardRun, { reporter, stop }: Surroundings): Promise<number> {
  const service = new StandardService({ input: openStandardInput(), output: openStandardOutput(), shutdown: true });
  const controller = new AbortController();
  stop.whenReceived(() => controller.abort());
  const total = new Counters();
  try {
    const { signal } = controller;
    const socket = await connectFarSide(run.connect, farSideOptions(run, signal, reporter, service.onread));
    const to = formatEnd(run.connect);
    reporter.tell('connected', { to }, `connected to ${to}`);
    const session = new Session(socket, total);
    stop.whenReceived(() => socket.destroy());
    if (run.idleTimeout !== undefined) {
      socket.setTimeout(run.idleTimeout, () => socket.destroy(new Error(`nothing moved for ${run.idleTimeout} ms`)));
    }
    service.serve(session);
    const error = await session.closed;
    reporter.tell('closed', { to, ...total.toJSON(), failed: error !== undefined }, `${to} closed: ${total}`);
    if (error !== undefined && stop.received === undefined) throw error;
  } catch (error) {
    if (stop.received === undefined) throw error;
  } finally {
    service.close();
  }
  return stop.exitStatus;
}

function farSideOptions(
  { timeout, retryFor, connect }: ForwardRun,
  signal: AbortSignal,
  reporter: Reporter,
  onread?: net.OnReadOpts,
): FarSideOptions {
  const onRetry = (error: Error, delay: number) => {
    const text = `${errorText(error)}; next try in ${delay} ms`;
    reporter.tell('retry', { to: formatEnd(connect), ...errorFields(error), delay }, text);
  };
  return { timeout, retryFor, signal, onread, onRetry };
}

type AnyServer = net.Server | Server;

class Forwarder {
  readonly #run: ForwardRun;
  readonly #reporter: Reporter;
  readonly #stop: StopSignal;
  readonly #to: string;
  readonly #total = new Counters();
  readonly #active = new Set<Promise<void>>();
  /** Cuts what has not ended in the time that it was given. */
  readonly #cut = new AbortController();
  #servers: AnyServer[] = [];
  #onOver: () => void = () => {};
  #failed = false;

  constructor(run: ForwardRun, { reporter, stop }: Surroundings) {
    this.#run = run;
    this.#reporter = reporter;
    this.#stop = stop;
    this.#to = formatEnd(run.connect);
  }

  async run(end: ForwardEnd): Promise<number> {
    const over = new Promise<void>((resolve) => {
      this.#onOver = resolve;
    });
    this.#servers = await this.#listen(end);
    for (const server of this.#servers) {
      const address = formatServer(server);
      this.#reporter.tell('listening', { address, to: this.#to }, `listening on ${address}, for ${this.#to}`);
    }
    this.#stop.whenReceived(() => this.#onOver());
    await over;
    for (const server of this.#servers) server.close();
    await this.#drain();
    const { received } = this.#stop;
    if (received === undefined) return this.#failed ? 1 : 0;
    this.#reporter.tell(
      'stopped',
      { signal: received, ...this.#total.toJSON() },
      `stopped by ${received}: ${this.#total}`,
    );
    return 0;
  }

  async #listen(end: ForwardEnd): Promise<AnyServer[]> {
    const options = { allowHalfOpen: true, pauseOnConnect: true };
    const serverOnConnection = (socket: net.Socket) => this.#onConnection(socket);
    switch (end.type) {
      case 'address':
        return [await createServer(options, serverOnConnection).listen(end.address)];
      case 'tcp': {
        const server = net.createServer({ ...options, noDelay: true }, serverOnConnection);
        server.listen({ port: end.port, ...(end.host !== undefined && { host: end.host }) });
        await once(server, 'listening');
        return [server];
      }
      default:
        return Promise.all(
          takeActivatedDescriptors().map((fd) => listenInherited(net.createServer(options, serverOnConnection), fd)),
        );
    }
  }

  #onConnection(client: net.Socket): void {
    // Until it is relayed, nobody else listens; that it has gone is seen then.
    client.on('error', () => {});
    const from = formatPeer(client);
    const refusal = this.#refusalOf(client);
    if (refusal !== undefined) {
      client.destroy();
      this.#reporter.tell('refused', { from, reason: refusal }, `${from} was turned away: ${refusal}`);
      return;
    }
    this.#reporter.tell('connection', { from, to: this.#to }, `connection from ${from}`);
    const carrying = this.#carry(client, from).finally(() => this.#active.delete(carrying));
    this.#active.add(carrying);
    // stdin and stdout are for one.
    if (this.#run.connect.type === 'standard') this.#onOver();
  }

  #refusalOf(client: net.Socket): string | undefined {
    const { allowed, connect, maxConnections } = this.#run;
    const { remoteEndpoint } = client as { remoteEndpoint?: unknown };
    if (allowed !== undefined && !(remoteEndpoint instanceof VsockAddress && allowed.has(remoteEndpoint.cid))) {
      return 'it is not on the list of --allow';
    }
    if (this.#active.size >= maxConnections) return `--max-connections is ${maxConnections}`;
    if (connect.type === 'standard' && this.#active.size > 0) return 'stdin and stdout are taken';
    return this.#stop.received === undefined ? undefined : 'this is stopping';
  }

  async #carry(client: net.Socket, from: string): Promise<void> {
    const { idleTimeout } = this.#run;
    const counters = new Counters(this.#total);
    const to = this.#to;
    let relaying: ReturnType<typeof relay> | undefined;
    let failure: unknown;
    try {
      const far = await this.#connect(client);
      counters.restart();
      relaying = relay(client, far, { idleTimeout, signal: this.#cut.signal });
      await relaying;
    } catch (error) {
      failure = error;
      client.destroy();
    }
    counters.stop();
    counters.addSent(relaying?.counts.forward ?? 0);
    counters.addReceived(relaying?.counts.backward ?? 0);
    const failed = failure !== undefined;
    // That one of many has gone in the middle is ordinary.
    if (failed) this.#reporter.tell('error', { from, to, ...errorFields(failure) }, `${from}: ${errorText(failure)}`);
    if (failed && this.#run.connect.type === 'standard') this.#failed = true;
    this.#reporter.tell('closed', { from, to, ...counters.toJSON(), failed }, `${from} closed: ${counters}`);
  }

  async #connect(client: net.Socket): Promise<Duplex> {
    if (this.#run.connect.type === 'standard') {
      return Duplex.from({ readable: openStandardInput().stream, writable: openStandardOutput() });
    }
    const controller = new AbortController();
    const giveUp = () => controller.abort();
    client.once('close', giveUp);
    this.#cut.signal.addEventListener('abort', giveUp);
    try {
      return await connectFarSide(this.#run.connect, farSideOptions(this.#run, controller.signal, this.#reporter));
    } finally {
      client.off('close', giveUp);
      this.#cut.signal.removeEventListener('abort', giveUp);
    }
  }

  /** Until all connections have ended, by themselves or cut. */
  async #drain(): Promise<void> {
    const { grace, connect } = this.#run;
    const count = this.#active.size;
    const cut = () => this.#cut.abort();
    let timer: NodeJS.Timeout | undefined;
    // One with stdin and stdout may last; only a stop limits it.
    this.#stop.whenReceived(() => {
      const connections = count === 1 ? '1 connection has' : `${count} connections have`;
      if (count > 0) this.#reporter.tell('draining', { count, grace }, `${connections} ${grace / 1000} s to end`);
      timer = setTimeout(cut, connect.type === 'standard' ? 0 : grace);
    });
    await Promise.all(this.#active);
    clearTimeout(timer);
  }
}

function formatServer(server: AnyServer): string {
  const address = server.address();
  // node:net does not know the path of a unix socket that it was given.
  if (address === null || typeof address === 'string') return 'a unix socket of systemd';
  return 'address' in address ? formatTcp(address.address, address.port) : `${address}`;
}

/** A unix socket's peer has no name. */
function formatPeer({ remoteAddress, remoteFamily, remotePort }: net.Socket): string {
  if (remoteAddress === undefined) return 'a unix socket';
  return remoteFamily?.startsWith('IPv') ? formatTcp(remoteAddress, remotePort ?? 0) : remoteAddress;
}

function formatTcp(host: string, port: number): string {
  return formatEnd({ type: 'tcp', host, port });
}
