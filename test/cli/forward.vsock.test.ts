// hvsock forward on AF_VSOCK, in a real kernel.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
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

test("as ssh's ProxyCommand, by the lines of the manual", { timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-forward-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')]);
  execFileSync('dropbearkey', ['-t', 'ed25519', '-f', at('host-key')], { stdio: 'ignore' });
  // Dropbear, since the installation of OpenSSH's server would start one; root's home is a file system of its own.
  const home = `mount -t tmpfs -o mode=700 none ~root && mkdir -m 700 ~root/.ssh && cp ${at('key.pub')} ~root/.ssh/authorized_keys`;
  const dropbear = `exec /usr/sbin/dropbear -F -E -r ${at('host-key')} -p 127.0.0.1:2022 2>&1`;
  const server = spawn('unshare', ['-m', 'sh', '-c', `${home} && ${dropbear}`]);
  t.after(() => server.kill('SIGKILL'));
  let log = '';
  while (!log.includes('Not backgrounding')) log += (await once(server.stdout, 'data'))[0];
  const forward = new ForwardProcess(t, ['--allow', '1', ':any', 'tcp://127.0.0.1:2022']);
  const port = portOf(await forward.address());

  const manual = readFileSync(new URL('../../../../docs/forward.md', import.meta.url), 'utf8');
  const [config = ''] = /^Host vm3$[^`]*/m.exec(manual) ?? [];
  assert.match(config, /ProxyCommand hvsock forward - vsock:\/\/3:22\n/);
  const settings = [
    'StrictHostKeyChecking accept-new',
    `UserKnownHostsFile ${at('known')}`,
    `IdentityFile ${at('key')}`,
  ];
  writeFileSync(at('config'), `${config.replace('vsock://3:22', `vsock://1:${port}`)}    ${settings.join('\n    ')}\n`);
  const hvsock = fileURLToPath(import.meta.resolve('#src/cli/hvsock.js'));
  writeFileSync(at('hvsock'), `#!/bin/sh\nexec ${process.execPath} ${hvsock} "$@"\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` };
  const ssh = spawn('ssh', ['-F', at('config'), '-o', 'BatchMode=yes', 'vm3', 'cat; seq 100000 | tail -n 1'], { env });
  let complaints = '';
  ssh.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  ssh.stdin.end('x'.repeat(1_000_000));
  const [output, [status]] = await Promise.all([text(ssh.stdout), once(ssh, 'close')]);
  assert.equal(status, 0, complaints);
  assert.equal(output, `${'x'.repeat(1_000_000)}100000\n`);
});
