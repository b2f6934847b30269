// Agents for node:http and node:https over real AF_VSOCK.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import type tls from 'node:tls';
import { listen, VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { Agent, type AgentOptions, HttpsAgent } from 'hvsock/http';
import { runWell } from '../package/command.js';
import { makeCertificate } from '../support/certificate.ts';
import { serve as accept, deadPort, local } from '../support/servers.ts';

interface Service {
  readonly address: VsockAddress;
  /** Connections so far. */
  readonly connections: () => number;
}

async function serve(context: TestContext, server: http.Server | https.Server): Promise<Service> {
  let connections = 0;
  server.on('connection', () => connections++);
  await listen(server as net.Server, { port: VMADDR_PORT_ANY });
  context.after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return { address: local((server.address() as unknown as VsockAddress).port), connections: () => connections };
}

/** Answers what it was asked. */
const tellRequest: http.RequestListener = (request, response) => {
  response.end(`${request.method} ${request.url} of ${request.headers.host}`);
};

async function get(options: https.RequestOptions, module: typeof http | typeof https = http): Promise<string> {
  const [response] = (await once(module.get(options), 'response')) as [http.IncomingMessage];
  return text(response);
}

/** GET in a process that has nothing else to do: what it prints when it has ended by itself. */
function getElsewhere(protocol: 'http' | 'https', agent: string): Promise<string> {
  const program = `
    import { get } from 'node:${protocol}';
    import { Agent, HttpsAgent } from 'hvsock/http';
    get('${protocol}://guest/', { agent: ${agent} }, (response) => response.pipe(process.stdout));
  `;
  return runWell(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
}

function makeAgent(context: TestContext, address: VsockAddress, options: AgentOptions = {}): Agent {
  const agent = new Agent(address, options);
  context.after(() => agent.destroy());
  return agent;
}

describe('Agent', { timeout: 120_000 }, () => {
  test('every request goes to the address; its URL is what the server is told', async (context) => {
    const { address } = await serve(context, http.createServer(tellRequest));
    const agent = makeAgent(context, address);
    assert.equal(await get({ agent, path: '/a' }), 'GET /a of localhost');
    assert.equal(await get({ agent, host: 'guest', path: '/b' }), 'GET /b of guest');
    assert.equal(await get({ agent, host: '192.0.2.1', port: 8080, path: '/c' }), 'GET /c of 192.0.2.1:8080');
    const [response] = (await once(http.get('http://guest.example/d', { agent }), 'response')) as [
      http.IncomingMessage,
    ];
    assert.equal(await text(response), 'GET /d of guest.example');
  });

  test('one connection serves request after request, of any host', async (context) => {
    const { address, connections } = await serve(context, http.createServer(tellRequest));
    const agent = makeAgent(context, address);
    for (const host of ['one', 'two', 'three']) await get({ agent, host });
    assert.equal(connections(), 1);
    assert.deepEqual(Object.keys(agent.freeSockets), [`${address}`]);
    const unkept = makeAgent(context, address, { keepAlive: false });
    for (const host of ['one', 'two', 'three']) await get({ agent: unkept, host });
    assert.equal(connections(), 4);
  });

  test('maxSockets is for all hosts together', async (context) => {
    const { address, connections } = await serve(context, http.createServer(tellRequest));
    const agent = makeAgent(context, address, { maxSockets: 2 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => get({ agent, host: `h${i}` })));
    assert.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, i) => `GET / of h${i}`),
    );
    assert.equal(connections(), 2);
  });

  test('nobody listens: the request’s error has its kind, and the next request tries anew', async (context) => {
    const agent = makeAgent(context, await deadPort(context), { maxSockets: 1 });
    const outcomes = await Promise.allSettled([get({ agent }), get({ agent }), get({ agent })]);
    for (const outcome of outcomes) assert.equal((outcome as PromiseRejectedResult).reason.kind, 'refused');
  });

  test('it retries, if connect is to', async (context) => {
    const address = await deadPort(context);
    const agent = makeAgent(context, address, { connect: { retry: { delay: 10 } } });
    const request = http.get({ agent });
    const [socket] = (await once(request, 'socket')) as [net.Socket];
    await once(socket, 'retry');
    const server = http.createServer(tellRequest);
    await listen(server, address);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(await text(response), 'GET / of localhost');
    agent.destroy();
    server.close();
    await once(server, 'close');
  });

  test('a server that has closed an idle connection is connected to again', async (context) => {
    const server = http.createServer(tellRequest);
    const { address, connections } = await serve(context, server);
    const agent = makeAgent(context, address);
    const request = http.get({ agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { socket } = response;
    await Promise.all([once(socket, 'free'), text(response)]);
    server.closeAllConnections();
    await once(socket, 'close');
    assert.equal(await get({ agent }), 'GET / of localhost');
    assert.equal(connections(), 2);
  });

  test('aborted: by the request’s signal, while it connects and later; by the agent’s', async (context) => {
    const { address } = await serve(
      context,
      http.createServer(() => {}),
    );
    const agent = makeAgent(context, address);
    const early = http.get({ agent, signal: AbortSignal.abort() });
    assert.equal(((await once(early, 'error')) as [Error])[0].name, 'AbortError');
    const late = new AbortController();
    const request = http.get({ agent, signal: late.signal });
    const [socket] = (await once(request, 'socket')) as [net.Socket];
    if (socket.connecting) await once(socket, 'connect');
    late.abort();
    assert.equal(((await once(request, 'error')) as [Error])[0].name, 'AbortError');
    if (!socket.destroyed) await once(socket, 'close');
    const all = new AbortController();
    const bound = makeAgent(context, address, { connect: { signal: all.signal } });
    const others = [http.get({ agent: bound }), http.get({ agent: bound })];
    const errors = others.map(async (other) => ((await once(other, 'error')) as [Error & { kind: string }])[0].kind);
    await Promise.all(others.map((other) => once(other, 'socket')));
    all.abort();
    assert.deepEqual(await Promise.all(errors), ['aborted', 'aborted']);
  });

  test('idle times: the agent’s and the request’s', async (context) => {
    const { address } = await serve(
      context,
      http.createServer(() => {}),
    );
    for (const [agentOptions, requestOptions] of [
      [{ timeout: 50 }, {}],
      [{}, { timeout: 50 }],
    ]) {
      const request = http.get({ agent: makeAgent(context, address, agentOptions), ...requestOptions });
      await once(request, 'timeout');
      request.on('error', () => {}).destroy();
    }
  });

  test('a connection that is kept does not keep the process', async (context) => {
    const { address } = await serve(context, http.createServer({ keepAliveTimeout: 600_000 }, tellRequest));
    assert.equal(await getElsewhere('http', `new Agent('${address}')`), 'GET / of guest');
  });
});

describe('HttpsAgent', { timeout: 120_000 }, () => {
  const { key, cert } = makeCertificate('guest');

  test('TLS over the socket, one connection for many requests, its session resumed by the next', async (context) => {
    const { address, connections } = await serve(context, https.createServer({ key, cert }, tellRequest));
    const agent = new HttpsAgent(address, { ca: cert });
    context.after(() => agent.destroy());
    assert.equal(await get({ agent, host: 'guest', path: '/a' }, https), 'GET /a of guest');
    assert.equal(await get({ agent, host: 'guest', path: '/b' }, https), 'GET /b of guest');
    assert.equal(connections(), 1);
    const again = https.get({ agent, host: 'guest', headers: { connection: 'close' } });
    await text(((await once(again, 'response')) as [http.IncomingMessage])[0]);
    const resumed = https.get({ agent, host: 'guest' });
    const [response] = (await once(resumed, 'response')) as [http.IncomingMessage];
    assert.equal((response.socket as tls.TLSSocket).isSessionReused(), true);
    await text(response);
    assert.equal(connections(), 2);
  });

  test('the certificate is for servername, or else for the host that is named', async (context) => {
    const { address, connections } = await serve(context, https.createServer({ key, cert }, tellRequest));
    const named = new HttpsAgent(address, { ca: cert, servername: 'guest' });
    context.after(() => named.destroy());
    assert.equal(await get({ agent: named, path: '/' }, https), 'GET / of localhost');
    assert.equal(await get({ agent: named, host: 'other', port: 8443 }, https), 'GET / of other:8443');
    assert.equal(connections(), 1);
    const unnamed = new HttpsAgent(address, { ca: cert });
    await assert.rejects(get({ agent: unnamed, host: 'other' }, https), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    // Who does not trust the authority does not get a connection of somebody who does.
    const agent = new HttpsAgent(address);
    context.after(() => agent.destroy());
    assert.equal(await get({ agent, host: 'guest', ca: cert }, https), 'GET / of guest');
    await assert.rejects(get({ agent, host: 'guest' }, https), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('a connection that is kept does not keep the process', async (context) => {
    const options = { key, cert, keepAliveTimeout: 600_000 };
    const { address } = await serve(context, https.createServer(options, tellRequest));
    const agent = `new HttpsAgent('${address}', { ca: ${JSON.stringify(`${cert}`)} })`;
    assert.equal(await getElsewhere('https', agent), 'GET / of guest');
  });

  test('the idle time counts while a peer never shakes hands', async (context) => {
    const { address } = await accept(context, () => {});
    const agent = new HttpsAgent(address, { timeout: 50 });
    const request = https.get({ agent, host: 'guest' });
    await once(request, 'timeout');
    request.on('error', () => {}).destroy();
  });

  test('nobody listens: the error has its kind', async (context) => {
    const agent = new HttpsAgent(await deadPort(context), { ca: cert });
    await assert.rejects(get({ agent, host: 'guest' }, https), { kind: 'refused' });
  });
});
