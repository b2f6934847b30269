// What the doctor says of surroundings that can be made on any Linux machine: filters, environments, monitors' sockets.
// It connects to nothing here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { accompany } from '../support/commands.ts';
import { doctorCommand, examine, findingsOf, nobodysCommand } from './doctor-process.ts';

const skip = process.platform === 'linux' ? false : 'Linux only: its filters, rights and unix sockets';
const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
after(() => rmSync(folder, { recursive: true }));

describe('a seccomp filter', { skip }, () => {
  const program = fileURLToPath(new URL('../../../../test/doctor/seccomp.py', import.meta.url));
  const filtered = (code: string) => findingsOf(['/usr/bin/python3', program, code, ...doctorCommand, '--json']);

  test("as a container's", () => {
    const findings = filtered('EPERM');
    assert.match(findings.get('family.filtered')!.why, /answers EPERM to AF_VSOCK/);
    // What takes a socket to find out is not claimed.
    for (const id of ['family.ready', 'loopback.ready', 'loopback.missing', 'cid.known', 'drivers.none']) {
      assert.equal(findings.has(id as never), false, id);
    }
  });

  test("as a systemd unit's", () => {
    assert.ok(filtered('EAFNOSUPPORT').has('family.restricted'));
  });
});

describe('the environment', { skip }, () => {
  test('of an emulated hypervisor, which is not made', () => {
    const directory = join(folder, 'machines');
    const findings = findingsOf([...doctorCommand, '--json'], { HVSOCK_EMULATOR: directory });
    assert.match(findings.get('system.emulated')!.why, /machines$/);
    assert.equal(existsSync(directory), false);
    assert.equal(examine().has('system.emulated'), false);
  });

  test('without an addon', () => {
    const findings = findingsOf([...doctorCommand, '--json', socketPath('none')], { HVSOCK_ADDON: '/nowhere.node' });
    assert.match(findings.get('addon.missing')!.why, /\/nowhere\.node: not there$/);
    assert.ok(findings.has('system.known'));
    assert.ok(findings.has('socket.missing'));
    assert.ok(examine().has('addon.loaded'));
  });
});

const socketPath = (name: string) => join(folder, name);

describe("a monitor's socket", { skip }, () => {
  async function listen(t: { after(run: () => unknown): void }, path: string): Promise<net.Server> {
    const server = net.createServer((socket) => socket.destroy()).listen(path);
    await once(server, 'listening');
    t.after(() => server.close());
    return server;
  }

  const only = (path: string, findings: ReturnType<typeof examine> = examine(path)) =>
    [...findings.values()].filter(({ id }) => id.startsWith('socket.')).map(({ id, why }) => `${id} ${why}`);

  test('that listens, by path, by address and by a link from elsewhere; it does not notice', async (t) => {
    const path = socketPath('live');
    const server = await listen(t, path);
    let connections = 0;
    server.on('connection', () => connections++);
    linkSync(path, socketPath('jailed'));
    for (const [given, expected] of [
      [path, path],
      [`firecracker://:52${path}`, path],
      [socketPath('jailed'), socketPath('jailed')],
    ] as const) {
      assert.deepEqual(only(given), [`socket.listening ${expected}: somebody listens, and this user may connect`]);
    }
    // Had it connected, it would be before this one.
    await once(net.connect(path).resume(), 'close');
    assert.equal(connections, 1);
  });

  test("in HyperKit's directory", async (t) => {
    const directory = socketPath('hyperkit');
    mkdirSync(directory);
    assert.deepEqual(only(directory), [
      `socket.other ${directory} is no stream socket, and no directory with one of the name connect`,
    ]);
    await listen(t, join(directory, 'connect'));
    assert.match(only(directory)[0]!, /^socket\.listening \S+hyperkit\/connect: /);
  });

  test('that is left over', async (t) => {
    const server = await listen(t, socketPath('gone'));
    linkSync(socketPath('gone'), socketPath('left'));
    server.close();
    await once(server, 'close');
    assert.match(only(socketPath('left'))[0]!, /^socket\.stale /);
    assert.equal(examine(socketPath('left')).get('socket.stale')!.command, `rm ${socketPath('left')}`);
  });

  test('that is not there, or is something else', async (t) => {
    assert.match(only(socketPath('nothing'))[0]!, /^socket\.missing /);
    writeFileSync(socketPath('file'), '');
    assert.match(only(socketPath('file'))[0]!, /^socket\.other /);
    assert.match(only(socketPath('file/below'))[0]!, /^socket\.missing /);
    const script = `import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('${socketPath('datagrams')}')
print('bound', flush=True)
time.sleep(600)`;
    const datagrams = accompany(t as never, '/usr/bin/python3', '-c', script);
    assert.equal(await datagrams.line(), 'bound');
    assert.match(only(socketPath('datagrams'))[0]!, /^socket\.other /);
  });

  test('without an addon to ask it with', async (t) => {
    await listen(t, socketPath('untold'));
    const command = [...doctorCommand, '--json', socketPath('untold')];
    assert.ok(findingsOf(command, { HVSOCK_ADDON: '/nowhere.node' }).has('socket.untold'));
  });

  test('that this user may not connect to', {
    skip: isRoot ? false : 'not root; run as root, which can become nobody',
  }, async (t) => {
    const path = socketPath('private');
    await listen(t, path);
    // The folder is root's alone: the path cannot be seen.
    assert.match(only(path, findingsOf([...nobodysCommand, path]))[0]!, /^socket\.forbidden .*EACCES/);
    const outside = join(tmpdir(), `doctor-${process.pid}.sock`);
    const server = await listen(t, outside);
    assert.match(only(outside, findingsOf([...nobodysCommand, outside]))[0]!, /^socket\.forbidden .*EACCES/);
    server.close();
  });
});
