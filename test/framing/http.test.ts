// HTTP, TLS and HTTP/2 over framed connections, with the servers of Node, where the socket beneath has no half close.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { connect, createServer } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { noProgram } from '../support/capabilities.ts';

const emulator = await Emulator.create();
after(() => emulator.close());
const guest = emulator.guest(3);
await guest.setFaults({ halfClose: false, loseAtShutdown: 1000 });
let port = 4000;

const connectFramed = () => connect({ cid: 3, port }, { framed: true, partition: emulator.host });

/** Hands the framed connections of the next port to a server of Node's. */
async function serveFramed(context: TestContext, server: Server): Promise<void> {
  const listener = createServer({ framed: true, allowHalfOpen: true }, (socket) => server.emit('connection', socket));
  await listener.listen({ port: ++port }, { partition: guest.partition });
  context.after(() => listener[Symbol.asyncDispose]());
}

describe('http', { timeout: 30_000 }, () => {
  const echoServer = () =>
    http.createServer((request, response) => {
      response.setHeader('x-peer', `${request.socket.remoteAddress}`);
      request.pipe(response);
    });

  test('createConnection: a connection for each request, closed by the server', async (t) => {
    await serveFramed(t, echoServer());
    for (const body of [randomBytes(300_000), Buffer.alloc(0)]) {
      const request = http.request({ createConnection: connectFramed, method: 'POST' });
      const socket = once(request, 'socket');
      request.end(body);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      assert.match(`${response.headers['x-peer']}`, /^vsock:\/\/2:\d+$/);
      assert.deepEqual(await buffer(response), body);
      if (!(await socket)[0].closed) await once((await socket)[0], 'close');
    }
  });

  test('an agent keeps connections, and uses them again', async (t) => {
    await serveFramed(t, echoServer());
    let connections = 0;
    const agent = Object.assign(new http.Agent({ keepAlive: true, maxSockets: 1 }), {
      createConnection() {
        connections++;
        return connectFramed();
      },
    });
    for (const body of ['one', 'two', 'three']) {
      const request = http.request({ agent, method: 'POST', timeout: 20_000 }).end(body);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      assert.equal(await text(response), body);
    }
    assert.equal(connections, 1);
    agent.destroy();
  });

  test('a request that takes too long is told by its timeout', async (t) => {
    await serveFramed(
      t,
      http.createServer(() => {}),
    );
    const request = http.get({ createConnection: connectFramed }).setTimeout(50);
    await once(request, 'timeout');
    request.on('error', () => {}).destroy();
    await new Promise((resolve) => request.once('close', resolve));
  });
});

describe('over TLS', { timeout: 30_000, skip: noProgram('openssl') }, () => {
  let credentials: { key: Buffer; cert: Buffer };

  before(() => {
    const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-subj', '/CN=guest', '-addext', 'subjectAltName=DNS:guest', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    credentials = { key: readFileSync(key), cert: readFileSync(cert) };
    rmSync(directory, { recursive: true });
  });

  const secure = (options: tls.ConnectionOptions = {}) =>
    tls.connect({ socket: connectFramed(), ca: credentials.cert, servername: 'guest', ...options });

  test('tls: bytes both ways, and the end', async (t) => {
    const sent = randomBytes(1024 * 1024);
    await serveFramed(
      t,
      tls.createServer({ ...credentials, allowHalfOpen: true }, (socket) => socket.pipe(socket)),
    );
    const socket = secure({ allowHalfOpen: true } as tls.ConnectionOptions);
    socket.end(sent);
    assert.deepEqual(await buffer(socket), sent);
  });

  test('https', async (t) => {
    await serveFramed(
      t,
      https.createServer(credentials, (_request, response) => response.end('secure')),
    );
    const request = https.get({ createConnection: () => secure(), path: '/' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(await text(response), 'secure');
  });

  test('http2, in the clear and over TLS', async (t) => {
    for (const isSecure of [false, true]) {
      const server = isSecure ? http2.createSecureServer(credentials) : http2.createServer();
      server.on('stream', (stream: http2.ServerHttp2Stream) => {
        stream.respond({ ':status': 200 });
        stream.end('two');
      });
      await serveFramed(t, server);
      const session = http2.connect(isSecure ? 'https://guest' : 'http://guest', {
        createConnection: () => (isSecure ? secure({ ALPNProtocols: ['h2'] }) : connectFramed()),
      });
      assert.equal(await text(session.request({ ':path': '/' })), 'two');
      const closed = once(session, 'close');
      session.close();
      await closed;
    }
  });
});
