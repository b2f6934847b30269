// An emulated guest as its monitor shows it on the host: to this library's hybrid transports, and to other clients.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { connectAsync, createServer, type Server, type Socket, VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { Emulator, testTransport } from 'hvsock/testing';
import { noUnixSockets } from '../support/capabilities.ts';
import { makePair } from '../support/pairs.ts';

const emulator = await Emulator.create();
after(() => emulator.close());
const firecracker = join(emulator.directory, 'v.sock');
const hyperkit = join(emulator.directory, 'kit');
mkdirSync(hyperkit);
const guest = emulator.guest(3);
if (noUnixSockets === false) await guest.expose({ firecracker, hyperkit });
const inGuest = { partition: guest.partition };

test('a socket that a crash has left is replaced; another’s is not', { skip: noUnixSockets }, async () => {
  await using other = await Emulator.create();
  const stale = join(other.directory, 'stale.sock');
  spawnSync('/usr/bin/python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind("${stale}")`]);
  assert.ok(existsSync(stale));
  await other.guest(3).expose({ firecracker: stale });
  await assert.rejects(other.guest(4).expose({ firecracker: stale }), { code: 'EADDRINUSE' });
  await assert.rejects(connectAsync(`firecracker://:9${stale}`), { kind: 'refused' });
});

for (const [dialect, halfClose] of [
  ['firecracker', false],
  ['hyperkit', true],
] as const) {
  const address = (port: number) => `${dialect}://:${port}${dialect === 'firecracker' ? firecracker : hyperkit}`;

  testTransport({
    name: `${dialect} to an emulated guest`,
    skip: noUnixSockets,
    capabilities: { halfClose, addresses: false },
    makePair(options) {
      const reach = (server: Server) => address((server.address() as VsockAddress).port);
      return makePair({ port: VMADDR_PORT_ANY }, reach, options, { server: guest.partition });
    },
  });

  describe(`an emulated guest exposed by ${dialect}`, { timeout: 20_000, skip: noUnixSockets }, () => {
    test('the guest sees its host, at the port that the monitor assigned', async () => {
      await using server = await createServer().listen({ port: 1024 }, inGuest);
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const client = await connectAsync(address(1024));
      const [socket] = await accepted;
      assert.equal((socket.remoteEndpoint as VsockAddress).cid, 2);
      client.destroy();
      socket.destroy();
    });

    test('nobody listens in the guest', async () => {
      if (dialect === 'firecracker') await assert.rejects(connectAsync(address(1025)), { kind: 'refused' });
      // HyperKit does not answer, and closes.
      else assert.equal(await text(await connectAsync(address(1025))), '');
    });

    test('a connect of the guest to its host reaches who listens on the monitor’s path', async () => {
      await using server = await createServer((socket) => socket.end('from the host')).listen(address(1026));
      assert.equal(await text(await connectAsync('vsock://2:1026', inGuest)), 'from the host');
      await guest.setFaults({ split: 1 });
      assert.equal(await text(await connectAsync('vsock://2:1026', inGuest)), 'from the host');
      await guest.setFaults({});
      assert.ok(server.listening);
      await assert.rejects(connectAsync('vsock://2:1027', inGuest), { kind: 'refused' });
    });

    test('who asks for nonsense is closed', async () => {
      const path = dialect === 'firecracker' ? firecracker : join(hyperkit, 'connect');
      for (const request of ['CONNECT x\n', '00000009.00000400\n', 'x'.repeat(100), '\n', '']) {
        const stranger = net.connect(path);
        stranger.on('error', () => {});
        stranger.end(request);
        stranger.resume();
        await once(stranger, 'close');
        assert.equal(stranger.bytesRead, 0);
      }
    });
  });
}
