// TLS, https and http2 over real AF_VSOCK, with the servers of Node unchanged but for listen().
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { buffer, text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { connect, listen, VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { makeCertificate } from '../support/certificate.ts';
import { local } from '../support/servers.ts';

describe('over TLS', { timeout: 120_000 }, () => {
  const { key, cert } = makeCertificate('guest');
  const addressOf = (server: { address(): unknown }) => local((server.address() as VsockAddress).port);
  /** `tls.connect` over a socket that is still connecting. */
  const secure = (address: VsockAddress, options: tls.ConnectionOptions = {}) =>
    tls.connect({ socket: connect(address), ca: cert, servername: 'guest', ...options });

  test('tls: bytes both ways, and the peer is known on the secure socket', async () => {
    const sent = randomBytes(1024 * 1024);
    const server = tls.createServer({ key, cert, allowHalfOpen: true }, (socket) => {
      assert.match(`${socket.remoteAddress}`, /^vsock:\/\/1:\d+$/);
      socket.pipe(socket);
    });
    await listen(server, { port: VMADDR_PORT_ANY });
    const socket = secure(addressOf(server), { allowHalfOpen: true } as tls.ConnectionOptions);
    socket.end(sent);
    assert.deepEqual(await buffer(socket), sent);
    server.close();
    await once(server, 'close');
  });

  test('https', async () => {
    const server = https.createServer({ key, cert }, (request, response) => {
      response.end(`secure ${request.socket.remoteFamily}`);
    });
    await listen(server, { port: VMADDR_PORT_ANY });
    const request = https.get({ createConnection: () => secure(addressOf(server)), path: '/' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(await text(response), 'secure vsock');
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  test('http2, in the clear and over TLS', async () => {
    const respond = (stream: http2.ServerHttp2Stream) => {
      stream.respond({ ':status': 200 });
      stream.end('two');
    };
    for (const isSecure of [false, true]) {
      const server = isSecure ? http2.createSecureServer({ key, cert }) : http2.createServer();
      server.on('stream', respond);
      await listen(server, { port: VMADDR_PORT_ANY });
      const address = addressOf(server);
      const session = http2.connect(isSecure ? 'https://guest' : 'http://guest', {
        createConnection: () => (isSecure ? secure(address, { ALPNProtocols: ['h2'] }) : connect(address)),
      });
      const stream = session.request({ ':path': '/' });
      assert.equal(await text(stream), 'two');
      session.close();
      server.close();
      await once(server, 'close');
    }
  });
});
