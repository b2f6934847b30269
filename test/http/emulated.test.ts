// HttpsAgent where a socket has no handle when TLS is put over it, so that TLS goes through JavaScript: the emulator's, and
// those of monitors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { test } from 'node:test';
import { listen } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { runWell } from '../package/command.js';
import { noProgram } from '../support/capabilities.ts';
import { makeCertificate } from '../support/certificate.ts';

test('a connection that is kept does not keep the process, one that is used again does', {
  timeout: 60_000,
  skip: noProgram('openssl'),
}, async () => {
  await using emulator = await Emulator.create();
  const { key, cert } = makeCertificate('guest');
  let connections = 0;
  const server = https.createServer({ key, cert, keepAliveTimeout: 600_000 }, (request, response) => {
    // Late, so that only the connection can keep who waits.
    setTimeout(() => response.end(`${request.url};`), 200);
  });
  server.on('secureConnection', () => connections++);
  await listen(server, 'vsock://:443', { partition: emulator.guest(3).partition });
  const program = `
    import { once } from 'node:events';
    import https from 'node:https';
    import { text } from 'node:stream/consumers';
    import { HttpsAgent } from 'hvsock/http';
    const agent = new HttpsAgent('vsock://3:443', { ca: ${JSON.stringify(`${cert}`)} });
    for (const path of ['/a', '/b']) {
      const [response] = await once(https.get({ agent, host: 'guest', path }), 'response');
      const { socket } = response;
      const freed = once(socket, 'free');
      process.stdout.write(await text(response));
      await freed;
    }
  `;
  const env = { ...process.env, HVSOCK_EMULATOR: emulator.directory };
  const output = await runWell(process.execPath, ['--input-type=module', '-e', program], { env, timeout: 30_000 });
  assert.equal(output, '/a;/b;');
  assert.equal(connections, 1);
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});
