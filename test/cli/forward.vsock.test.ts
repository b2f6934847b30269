// hvsock forward on AF_VSOCK, in a real kernel.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, listenInherited } from 'hvsock';
import { echo, serve } from '../support/servers.ts';
import { activated, ForwardProcess } from './forward-process.ts';
import { HvcatProcess, runHvcat } from './hvcat-process.ts';

const portOf = (address: string) => Number(/:(\d+)$/.exec(address)?.[1]);

async function refused(port: number): Promise<void> {
  const socket = connect(`vsock://1:${port}`);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.resume().once('close', resolve));
  assert.equal(socket.bytesRead, 0);
}

/** The same as seen from a program on the other side. */
async function assertEchoes(port: number): Promise<void> {
  const { stdout, status, stderr } = await runHvcat([`1:${port}`], 'through vsock');
  assert.deepEqual([status, stdout], [0, 'through vsock'], stderr);
}

async function serveUnix(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-forward-'));
  const server = net.createServer((socket) => socket.pipe(socket)).listen(join(folder, 's'));
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return `unix://${folder}/s`;
}

test('a vsock port for a unix socket, for CIDs on a list', { timeout: 120_000 }, async (t) => {
  const target = await serveUnix(t);
  const open = new ForwardProcess(t, ['--allow', '3,1', ':any', target]);
  await assertEchoes(portOf(await open.address()));
  assert.match((await open.stop()).stderr, /connection from vsock:\/\/1:\d+\n.* closed: sent 13 B/);
  const closed = new ForwardProcess(t, ['--allow', '3,4', ':any', target]);
  await refused(portOf(await closed.address()));
  await closed.stderr(/vsock:\/\/1:\d+ was turned away: it is not on the list of --allow/);
});

test('a TCP port, and stdio, for a vsock port', { timeout: 120_000 }, async (t) => {
  const { address } = await serve(t, echo);
  const forward = new ForwardProcess(t, ['tcp://127.0.0.1:0', `${address}`]);
  const socket = net.connect(portOf(await forward.address()), '127.0.0.1');
  socket.end('by TCP');
  assert.equal(String((await once(socket, 'data'))[0]), 'by TCP');
  const standard = new ForwardProcess(t, ['-', `${address}`]);
  standard.child.stdin?.end('by stdio');
  assert.equal((await standard.ended).stdout, 'by stdio');
});

test("systemd's socket, AF_VSOCK and blocking", { timeout: 120_000 }, async (t) => {
  const port = 20_999;
  const command = activated(`socket.socket(socket.AF_VSOCK); s.bind((socket.VMADDR_CID_ANY, ${port}))`);
  const forward = new ForwardProcess(t, ['--allow', '1', 'systemd', await serveUnix(t)], { command });
  assert.equal(await forward.address(), `vsock://:${port}`);
  // One that is idle must not keep it from accepting the next one.
  const idle = connect(`vsock://1:${port}`);
  await once(idle, 'connect');
  for (let i = 0; i < 3; i++) await assertEchoes(port);
  idle.destroy();
  assert.equal((await forward.stop()).status, 0);
});

test('what is no listening socket is refused', async () => {
  await assert.rejects(listenInherited(net.createServer(), 1 << 20), { code: 'EBADF', kind: 'invalid' });
  const wrong = { code: 'ERR_HVSOCK_INVALID_ARGUMENT' };
  await assert.rejects(listenInherited(null as unknown as net.Server, 3), wrong);
  await assert.rejects(listenInherited(net.createServer(), -1), wrong);
});

test('a far side that a machine starts later', { timeout: 120_000 }, async (t) => {
  const port = 20_998;
  const forward = new ForwardProcess(t, ['--retry=30', ':any', `vsock://1:${port}`]);
  const client = runHvcat([`1:${portOf(await forward.address())}`], 'early');
  await forward.stderr(/next try in/);
  const server = new HvcatProcess(['-l', '--echo', '-v', `:${port}`]);
  t.after(() => server.child.kill());
  assert.equal((await client).stdout, 'early');
});
