// What agents and connectors refuse before anything is connected, and what they pass on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, test } from 'node:test';
import type { AddressLike } from 'hvsock';
import { connectAsync, createServer, listen } from 'hvsock';
import { Agent, createConnector, HttpsAgent } from 'hvsock/http';
import { Emulator } from 'hvsock/testing';

const emulator = await Emulator.create();
after(() => emulator.close());
const { host: partition } = emulator;
const guest = emulator.guest(3);

const makers = {
  Agent: (address: AddressLike, connect: object) => new Agent(address, { connect }),
  HttpsAgent: (address: AddressLike, connect: object) => new HttpsAgent(address, { connect }),
  createConnector: (address: AddressLike, connect: object) => createConnector(address, connect),
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name} refuses at once what connect() would refuse, onread and framed`, () => {
    assert.throws(() => make('vsock://nobody:80', {}), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
    assert.throws(() => make('vsock://:80', {}), {
      code: 'ERR_HVSOCK_INVALID_ADDRESS',
      message: /any machine is nobody/,
    });
    assert.throws(() => make('vsock://3:80', { timeout: 0 }), {
      code: 'ERR_HVSOCK_INVALID_ARGUMENT',
      message: /^timeout /,
    });
    const onread = { buffer: Buffer.alloc(1), callback: () => true };
    assert.throws(() => make('vsock://3:80', { onread }), { code: 'ERR_HVSOCK_INVALID_ARGUMENT', message: /^onread / });
    assert.throws(() => make('vsock://3:80', { framed: true }), {
      code: 'ERR_HVSOCK_INVALID_ARGUMENT',
      message: /^framed /,
    });
    assert.throws(() => make('vsock://3:80', null as unknown as object), { code: 'ERR_HVSOCK_INVALID_ARGUMENT' });
  });
}

test('an option of connect() beside those of http.Agent is named, and where it belongs', () => {
  for (const options of [{ retry: true }, { partition }, { signal: AbortSignal.abort() }, null, 'x']) {
    assert.throws(() => new Agent('vsock://3:80', options as object), {
      code: 'ERR_HVSOCK_INVALID_ARGUMENT',
      message: /^options must be (given with (retry|partition|signal) in \{ connect: |an object)/,
    });
  }
});

test('the partition is passed on, and the time to connect', async () => {
  const server = http.createServer((_request, response) => response.end());
  await listen(server, 'vsock://:80', { partition: guest.partition });
  const agent = new Agent('vsock://3:80', { connect: { partition, timeout: 100 } });
  const [response] = (await once(http.get({ agent }), 'response')) as [http.IncomingMessage];
  assert.equal(response.socket.remoteAddress, 'vsock://3:80');
  await once(response.resume(), 'end');
  agent.destroy();
  server.close();
  await once(server, 'close');

  await guest.setFaults({});
  await guest.suspend();
  const [error] = (await once(http.get({ agent }), 'error')) as [Error & { kind: string }];
  assert.equal(error.kind, 'timeout');
  await guest.resume();
});

test('a request that is aborted while its connection is tried again ends the attempts', async () => {
  const agent = new Agent('vsock://3:81', { connect: { partition, retry: { delay: 5, maxDelay: 5 } } });
  const abort = new AbortController();
  const request = http.get({ agent, signal: abort.signal });
  const [socket] = await once(request, 'socket');
  await once(socket, 'retry');
  abort.abort();
  assert.equal(((await once(request, 'error')) as [Error])[0].name, 'AbortError');
  if (!socket.closed) await once(socket, 'close');
  // Nobody connects any more: the first who comes is this.
  await using server = await createServer((accepted) => accepted.end()).listen('vsock://:81', {
    partition: guest.partition,
  });
  const first = once(server, 'connection');
  const other = await connectAsync('vsock://3:81', { partition, localPort: 5000 });
  assert.equal((await first)[0].remotePort, 5000);
  await once(other.resume(), 'close');
});
