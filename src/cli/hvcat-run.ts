// One run of hvcat: connects or listens, hands each connection to the service, and tells how it went.
import { once } from 'node:events';
import { connect, createServer, HvsockError } from '../index.ts';
import { registerService } from '../windows/index.ts';
import type { Counters } from './counters.ts';
import { echoService } from './echo-service.ts';
import { execService } from './exec-service.ts';
import type { HvcatRun } from './hvcat-arguments.ts';
import { errorFields, errorText, type Reporter } from './reporter.ts';
import { type Service, Session, type SessionSocket } from './session.ts';
import { StandardService } from './standard-service.ts';
import { openStandardInput, openStandardOutput } from './standard-streams.ts';
import type { StopSignal } from './stop-signal.ts';

/** What a run works with. */
export interface HvcatContext {
  readonly reporter: Reporter;
  readonly stop: StopSignal;
  /** What all connections move together. */
  readonly total: Counters;
}

/** Fulfilled with the exit status when everything is done. Rejects with what keeps it from beginning. */
export async function runHvcat(run: HvcatRun, context: HvcatContext): Promise<number> {
  if (run.registerGuid !== undefined) await register(run.registerGuid, context.reporter);
  const service = makeService(run, context);
  try {
    return await (run.role === 'listen' ? runListen(run, service, context) : runConnect(run, service, context));
  } finally {
    service.close?.();
  }
}

function makeService(run: HvcatRun, { reporter }: HvcatContext): Service {
  switch (run.service) {
    case 'echo':
      return echoService();
    case 'exec':
      return execService(run.command, ({ addresses }, status, signal) => {
        const text = signal === null ? `exited with status ${status}` : `was ended by ${signal}`;
        reporter.tell('exit', { ...addresses, status, signal }, `${addresses.remote}: the command ${text}`);
      });
    case 'standard': {
      const { shutdown, quitAfter } = run;
      return new StandardService({ input: openStandardInput(), output: openStandardOutput(), shutdown, quitAfter });
    }
  }
}

async function runConnect(run: HvcatRun, service: Service, context: HvcatContext): Promise<number> {
  const { reporter, stop, total } = context;
  const { address, timeout, retryFor, framed } = run;
  const socket: SessionSocket = connect(address, {
    framed,
    allowHalfOpen: true,
    onread: service.onread,
    timeout,
    retry: retryFor === undefined ? false : { for: retryFor },
  });
  const session = new Session(socket, total);
  stop.whenReceived(() => socket.destroy());
  let isConnected = false;
  socket.on('retry', (error: HvsockError, delay: number) => {
    const { message, kind, code } = error;
    const text = `${errorText(error)}; next try in ${delay} ms`;
    reporter.tell('retry', { address: `${address}`, message, kind, code, delay }, text);
  });
  socket.once('connect', () => {
    isConnected = true;
    total.restart();
    session.counters.restart();
    const { addresses } = session;
    reporter.tell('connected', addresses, `connected to ${addresses.remote} from ${addresses.local}`);
    service.serve(session);
  });
  const error = await ending(session, service, stop);
  if (isConnected) tellClosed(session, error, context);
  if (stop.received !== undefined) return stop.exitStatus;
  if (error === undefined) return 0;
  reporter.fail(error, session.addresses);
  return 1;
}

async function runListen(run: HvcatRun, service: Service, context: HvcatContext): Promise<number> {
  const { reporter, stop, total } = context;
  const sessions = new Set<Session>();
  // The standard streams are for one at a time: the next one waits, unread.
  const isSerial = run.service === 'standard';
  let turn: Promise<unknown> = Promise.resolve();
  let failed = false;

  const options = { framed: run.framed, allowHalfOpen: true, pauseOnConnect: true, onread: service.onread };
  const server = createServer(options, (socket) => {
    const session = new Session(socket, total);
    sessions.add(session);
    if (!run.keepOpen) {
      total.restart();
      server.close();
    }
    const done = isSerial ? turn.then(() => serve(session)) : serve(session);
    turn = Promise.all([turn, done]);
  });
  // A second one that arrives together with the only one is turned away.
  if (!run.keepOpen) server.maxConnections = 1;

  const serve = async (session: Session) => {
    const { addresses } = session;
    const { local, remote } = addresses;
    if (service.isOver || stop.received !== undefined) session.socket.destroy();
    reporter.tell('connection', addresses, `connection from ${remote} to ${local}`);
    session.counters.restart();
    if (!session.socket.destroyed) service.serve(session);
    const error = await ending(session, service, stop);
    sessions.delete(session);
    tellClosed(session, error, context);
    if (error !== undefined && stop.received === undefined) {
      failed = true;
      // That one of many clients has gone in the middle is ordinary; that stdout got only a part is not.
      if (isSerial) reporter.fail(error, addresses);
      else reporter.tell('error', { ...addresses, ...errorFields(error) }, errorText(error));
    }
    if (service.isOver && server.listening) server.close();
  };

  await server.listen(run.address);
  const closed = once(server, 'close');
  stop.whenReceived(() => {
    if (server.listening) server.close();
    for (const { socket } of sessions) socket.destroy();
  });
  const address = String(server.address());
  reporter.tell('listening', { address }, `listening on ${address}`);
  await closed;
  await turn;
  if (run.keepOpen) {
    if (stop.received !== undefined) {
      reporter.tell('stopped', { signal: stop.received, ...total.toJSON() }, `stopped by ${stop.received}: ${total}`);
    }
    return 0;
  }
  if (stop.received !== undefined) return stop.exitStatus;
  return failed ? 1 : 0;
}

/** The end of a session: the error of a failure. */
async function ending(session: Session, service: Service, stop: StopSignal): Promise<Error | undefined> {
  const error = await session.closed;
  // Whoever was stopped, or has lost stdout, has broken off, and knows that not all has arrived.
  if (error !== undefined || service.isOver || stop.received !== undefined) return error;
  return session.lack();
}

function tellClosed({ addresses, counters }: Session, error: Error | undefined, { reporter }: HvcatContext): void {
  const fields = { ...addresses, ...counters.toJSON(), failed: error !== undefined };
  reporter.tell('closed', fields, `${addresses.remote} closed: ${counters}`);
}

async function register(serviceId: string, reporter: Reporter): Promise<void> {
  if (process.platform !== 'win32') {
    const problem = 'Windows only; elsewhere a service needs no registration, so leave it out';
    throw new HvsockError(`--register-guid: ${problem}`, { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported' });
  }
  const changed = await registerService(serviceId);
  const text = changed ? `registered service ${serviceId}` : `service ${serviceId} was registered already`;
  reporter.tell('registered', { serviceId, changed }, text);
}
