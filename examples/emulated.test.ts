// How to test a program that talks to its guest, on a machine without a hypervisor. The program here is a client that asks
// a guest for its load; the test is what its author would write.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { type ConnectOptions, connectAsync, createServer } from 'hvsock';
import { Emulator } from 'hvsock/testing';

// The program.

/** Asks the agent in a guest for the load of that machine; asks again while nobody answers, for at most two seconds. */
async function loadOf(cid: number, options: ConnectOptions = {}): Promise<number> {
  const socket = await connectAsync({ cid, port: 5000 }, { retry: { for: 2000 }, ...options });
  socket.setTimeout(500, () => socket.destroy(new Error('the agent has gone silent')));
  const answer = await text(socket);
  if (!answer.endsWith('\n')) throw new Error(`half an answer: ${JSON.stringify(answer)}`);
  return Number(answer);
}

// Its test.

const emulator = await Emulator.create();
after(() => emulator.close());
const { host: partition } = emulator;
const guest = emulator.guest(3);

// A client that has given up is no failure of the agent's.
const agent = await createServer((socket) => socket.on('error', () => {}).end('0.25\n')).listen('vsock://:5000', {
  partition: guest.partition,
});
after(() => agent[Symbol.asyncDispose]());

test('it reads the load', async () => {
  assert.equal(await loadOf(3, { partition }), 0.25);
});

test('it tries again when it is refused', async () => {
  await guest.setFaults({ refuse: 0.5, seed: 4 });
  for (let i = 0; i < 5; i++) assert.equal(await loadOf(3, { partition }), 0.25);
});

test('an answer in pieces is one answer, half an answer is none', async () => {
  await guest.setFaults({ split: 1, delay: 5 });
  assert.equal(await loadOf(3, { partition }), 0.25);
  await guest.setFaults({ loseAtShutdown: 2 });
  await assert.rejects(loadOf(3, { partition }), /half an answer: "0.2"/);
});

test('a machine that is suspended is not waited for', async () => {
  await guest.setFaults({});
  await guest.suspend();
  await assert.rejects(loadOf(3, { partition, timeout: 100, retry: false }), { kind: 'timeout' });
  await guest.resume();
  assert.equal(await loadOf(3, { partition }), 0.25);
});

test('there is no such machine', async () => {
  await assert.rejects(loadOf(4, { partition, retry: false }), { kind: 'no-vm' });
});
