// The examples for guests, both sides on one machine: its own loopback is the other machine.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root, runWell } from '../package/command.js';
import { makeCertificate } from '../support/certificate.ts';
import { accompany } from '../support/commands.js';
import { runExample, serveExample } from './example.js';

/** A TCP port of the loopback that nobody listens on. */
async function freeTcpPort(): Promise<number> {
  const server = net.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hvsock-example-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('examples', { timeout: 300_000 }, () => {
  test('http: Express, and fetch', async (context) => {
    const guest = serveExample(context, 'http/guest.js', ['vsock://:2080']);
    await guest.line();
    const output = await runExample('http/host.js', ['vsock://1:2080']);
    assert.match(output, /^hello, vsock:\/\/1:\d+\n\{ sum: 6 \}\n$/);
  });

  test('websocket: ws', async (context) => {
    const guest = serveExample(context, 'websocket/guest.js', ['vsock://:2081']);
    await guest.line();
    const output = await runExample('websocket/host.js', ['vsock://1:2081']);
    assert.match(output, /^welcome, (vsock:\/\/1:\d+)\n\1: is anybody there\?\n$/);
  });

  test('grpc: a call, and a stream', async (context) => {
    const guest = serveExample(context, 'grpc/guest.js', ['vsock://:2082']);
    await guest.line();
    const output = await runExample('grpc/host.js', ['vsock://1:2082']);
    assert.deepEqual(output.trim().split('\n').sort(), [
      'hello 1, host',
      'hello 2, host',
      'hello 3, host',
      'hello, host',
    ]);
  });

  test('nitro: in by TCP, out by way of the parent, TLS from end to end', async (context) => {
    const { key, cert } = makeCertificate('localhost');
    const outside = https.createServer({ key, cert }, (request, response) => {
      response.end(`${request.method} ${request.headers.host}`);
    });
    await once(outside.listen(0, '127.0.0.1'), 'listening');
    context.after(() => outside.close());
    const { port } = outside.address() as net.AddressInfo;
    const ca = join(temporaryDirectory(context), 'ca.pem');
    writeFileSync(ca, cert);
    const tcpPort = await freeTcpPort();

    const parent = serveExample(context, 'nitro/parent.js', [
      ...['vsock://1:2083', `${tcpPort}`, 'vsock://:2084', '127.0.0.1', `${port}`],
    ]);
    await Promise.all([parent.line(), parent.line()]);
    const enclave = serveExample(
      context,
      'nitro/enclave.js',
      ['vsock://:2083', 'vsock://1:2084', 'https://localhost/'],
      {
        NODE_EXTRA_CA_CERTS: ca,
      },
    );
    await enclave.line();
    const answer = await fetch(`http://127.0.0.1:${tcpPort}/`);
    assert.deepEqual([answer.status, await answer.text()], [200, 'GET localhost']);
  });

  test('ssh: by ProxyCommand, to the server on the guest’s loopback', async (context) => {
    const directory = temporaryDirectory(context);
    const at = (name: string) => join(directory, name);
    const hvsock = fileURLToPath(import.meta.resolve('#src/cli/hvsock.js'));
    writeFileSync(at('hvsock'), `#!/bin/sh\nexec ${process.execPath} ${hvsock} "$@"\n`, { mode: 0o755 });
    const path = `${directory}${delimiter}${process.env['PATH']}`;
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')]);
    execFileSync('dropbearkey', ['-t', 'ed25519', '-f', at('host-key')], { stdio: 'ignore' });
    const tcpPort = await freeTcpPort();

    // Dropbear, since the installation of OpenSSH's server would start one. In a mount namespace, for root's home to be its own.
    const server = accompany(
      ...([context, 'unshare', '-m', 'sh', '-c'] as const),
      `mount -t tmpfs -o mode=700 none ~root && mkdir -m 700 ~root/.ssh && cp ${at('key.pub')} ~root/.ssh/authorized_keys &&
       exec /usr/sbin/dropbear -F -E -r ${at('host-key')} -p 127.0.0.1:${tcpPort} 2>&1`,
    );
    while (!/Not backgrounding/.test(await server.line()));
    accompany(context, 'env', `PATH=${path}`, join(root, 'examples/ssh/guest.sh'), '2085', `${tcpPort}`);

    const config = readFileSync(join(root, 'examples/ssh/config'), 'utf8');
    writeFileSync(at('config'), config.replace(' 3:22', ' 1:2085'));
    const options = ['StrictHostKeyChecking=accept-new', `UserKnownHostsFile=${at('known')}`, 'BatchMode=yes'];
    const output = await runWell(
      'ssh',
      [
        ...['-F', at('config'), '-i', at('key'), ...options.flatMap((option) => ['-o', option])],
        ...['root@guest', 'echo "hello from $SSH_CONNECTION"; seq 100000 | tail -n 1'],
      ],
      { env: { ...process.env, PATH: path }, timeout: 60_000 },
    );
    assert.match(output, /hello from 127\.0\.0\.1 .*\n100000\n$/);
  });
});
