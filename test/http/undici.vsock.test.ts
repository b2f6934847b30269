// undici's clients and Node's own fetch over real AF_VSOCK.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { listen, VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { type ConnectorOptions, createConnector } from 'hvsock/http';
import { Agent, fetch as fetchOfUndici, Pool } from 'undici';
import { makeCertificate } from '../support/certificate.ts';
import { serve as accept, deadPort, local } from '../support/servers.ts';

async function serve(context: TestContext, server: http.Server | http2.Http2SecureServer): Promise<VsockAddress> {
  await listen(server as net.Server, { port: VMADDR_PORT_ANY });
  context.after(() => server.close());
  return local((server.address() as unknown as VsockAddress).port);
}

function makeDispatcher(context: TestContext, address: VsockAddress, options: ConnectorOptions = {}): Agent {
  const agent = new Agent({ connect: createConnector(address, options) });
  context.after(() => agent.destroy());
  return agent;
}

const tellRequest: http.RequestListener = async (request, response) => {
  const { length } = await buffer(request);
  response.end(`${request.method} ${request.url} of ${request.headers.host}, ${length} bytes`);
};

// Node has types for another release of undici than the one that is installed.
const fetches = {
  "Node's fetch": globalThis.fetch as unknown as typeof fetchOfUndici,
  'undici’s fetch': fetchOfUndici,
};

describe('createConnector', { timeout: 120_000 }, () => {
  const { key, cert } = makeCertificate('guest');

  for (const [name, fetch] of Object.entries(fetches)) {
    test(`${name}: GET, and bodies of known and unknown length`, async (context) => {
      const dispatcher = makeDispatcher(context, await serve(context, http.createServer(tellRequest)));
      const url = 'http://guest/a';
      assert.equal(await (await fetch(url, { dispatcher })).text(), 'GET /a of guest, 0 bytes');
      const body = new Uint8Array(300_000);
      const known = await fetch(url, { dispatcher, method: 'POST', body });
      assert.equal(await known.text(), 'POST /a of guest, 300000 bytes');
      const stream = new Blob([body]).stream();
      const unknown = await fetch(url, { dispatcher, method: 'PUT', body: stream, duplex: 'half' });
      assert.equal(await unknown.text(), 'PUT /a of guest, 300000 bytes');
    });

    test(`${name}: nobody listens, and aborted`, async (context) => {
      const dispatcher = makeDispatcher(context, await deadPort(context));
      await assert.rejects(fetch('http://guest/', { dispatcher }), ({ cause }: Error) => {
        assert.equal((cause as Error & { kind: string }).kind, 'refused');
        return true;
      });
      const silent = makeDispatcher(
        context,
        await serve(
          context,
          http.createServer(() => {}),
        ),
      );
      await assert.rejects(fetch('http://guest/', { dispatcher: silent, signal: AbortSignal.timeout(100) }), {
        name: 'TimeoutError',
      });
    });
  }

  test('a pool keeps its connections', async (context) => {
    const server = http.createServer(tellRequest);
    let connections = 0;
    server.on('connection', () => connections++);
    const address = await serve(context, server);
    const pool = new Pool('http://guest', { connect: createConnector(address), connections: 2 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { body } = await pool.request({ path: `/${i}`, method: 'GET' });
        return body.text();
      }),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, i) => `GET /${i} of guest, 0 bytes`),
    );
    assert.equal(connections, 2);
    await pool.close();
  });

  test('https, and whose certificate it is', async (context) => {
    const address = await serve(context, https.createServer({ key, cert }, tellRequest));
    const dispatcher = makeDispatcher(context, address, { tls: { ca: cert } });
    const response = await fetchOfUndici('https://guest/', { dispatcher });
    assert.equal(await response.text(), 'GET / of guest, 0 bytes');
    const codeOf = async (url: string, options: ConnectorOptions) => {
      const error = await fetchOfUndici(url, { dispatcher: makeDispatcher(context, address, options) }).catch((e) => e);
      return (error as { cause?: { code: string } }).cause?.code;
    };
    assert.equal(await codeOf('https://other/', { tls: { ca: cert } }), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.equal(await codeOf('https://127.0.0.1/', { tls: { ca: cert } }), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.equal(await codeOf('https://guest/', {}), 'DEPTH_ZERO_SELF_SIGNED_CERT');
    assert.equal(await codeOf('https://other/', { tls: { ca: cert, servername: 'guest' } }), undefined);
  });

  test('a peer that never shakes hands is given up', async (context) => {
    const { address } = await accept(context, () => {});
    const dispatcher = makeDispatcher(context, address, { timeout: 100 });
    await assert.rejects(fetchOfUndici('https://guest/', { dispatcher }), ({ cause }: Error) => {
      assert.equal((cause as Error & { kind: string }).kind, 'timeout');
      return true;
    });
  });

  test('HTTP/2 over TLS', async (context) => {
    const server = http2.createSecureServer({ key, cert });
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(`${headers[':authority']} by HTTP/2`);
    });
    const address = await serve(context, server);
    const connect = createConnector(address, { tls: { ca: cert, ALPNProtocols: ['h2', 'http/1.1'] } });
    const dispatcher = new Agent({ allowH2: true, connect });
    const response = await fetchOfUndici('https://guest/', { dispatcher });
    assert.equal(await response.text(), 'guest by HTTP/2');
    await dispatcher.close();
  });
});
