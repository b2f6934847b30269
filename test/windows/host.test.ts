// What only Windows has: an addon that is bound to the program that loads it, and machines without AF_HYPERV, as Wine is.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect, connectAsync, createServer, listen } from 'hvsock';
import { loadBinding } from '#src/native/load.js';
import { runHvcat } from '../cli/hvcat-process.ts';
import { runWell } from '../package/command.js';
import { makeDirectory, ownAddon } from '../package/staging.js';

const elsewhere = process.platform !== 'win32' && 'about Windows: npm run wine';

test('the addon loads into node.exe, and into a program that is called otherwise', { skip: elsewhere }, async () => {
  const directory = await makeDirectory();
  // What it takes of Node is found at the first call.
  const program = `
    const { socket_open, socket_close } = require(${JSON.stringify(ownAddon)});
    const socket = socket_open(2, 1, 0);
    console.log(typeof socket, socket_close(socket));
  `;
  for (const name of ['node.exe', 'editor.exe']) {
    const host = join(directory, name);
    cpSync(process.execPath, host);
    assert.equal(await runWell(host, ['-e', program]), 'number 0\n', name);
  }
});

test('addresses over unix sockets are unsupported, and the sentence says why', { skip: elsewhere }, async () => {
  for (const address of ['unix:///run/vm.sock', 'firecracker://:52/run/vm.sock', 'hyperkit://:52/run/vm']) {
    const refusal = {
      kind: 'unsupported',
      code: 'ERR_HVSOCK_UNSUPPORTED',
      message: /Node has no unix sockets on Windows/,
    };
    assert.throws(() => connect(address), refusal);
    await assert.rejects(async () => createServer().listen(address), refusal);
  }
});

/** Why this machine, or this test of it, has nothing to refuse. */
function hasFamily(): string | false {
  if (elsewhere !== false) return elsewhere;
  const binding = loadBinding();
  const AF_HYPERV = 34;
  const socket = binding.socket_open(AF_HYPERV, 1, 1);
  if (socket < 0) return false;
  binding.socket_close(socket);
  return 'AF_HYPERV is available here: test/hyperv is about it';
}

describe('without AF_HYPERV, every call says so', { skip: hasFamily(), timeout: 30_000 }, () => {
  const refusal = { kind: 'unsupported', message: /AF_HYPERV is not available here; it needs Windows 10/ };
  const addresses = ['hvsock://loopback/1024', 'hvsock://parent/1024', 'vsock://local:1024', 'vsock://host:1024'];

  for (const address of addresses) {
    test(`connecting to ${address}, by each way, and at once even with retry`, async () => {
      for (const io of ['auto', 'direct', 'threads'] as const) {
        await assert.rejects(connectAsync(address, { io }), refusal);
        await assert.rejects(connectAsync(address, { io, timeout: 20_000, retry: true }), refusal);
      }
    });
  }

  for (const address of ['hvsock://wildcard/1024', 'hvsock://loopback/1024', 'vsock://:1024', 'vsock://local:1024']) {
    test(`listening on ${address}, with a server of this library's or another`, async () => {
      await assert.rejects(createServer().listen(address), refusal);
      await assert.rejects(async () => listen(http.createServer(), address), refusal);
    });
  }

  test('hvcat, in one line', async () => {
    for (const args of [['hvsock://parent/1024'], ['-l', ':1024'], ['--retry=5', 'vsock://host:1024']]) {
      const { status, stderr } = await runHvcat(args);
      assert.match(stderr, /^hvcat: [^\n]*AF_HYPERV is not available here[^\n]*\n$/);
      assert.equal(status, 1);
    }
  });
});
