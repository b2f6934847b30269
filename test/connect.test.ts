// The clocks of connect(), against a system that never answers: no kernel keeps a loopback connect waiting.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { connect, connectAsync, createServer, type HvsockError } from 'hvsock';
import { noVsock } from './support/capabilities.ts';
import { errno, inject, takeConnects } from './support/faults.ts';

const ADDRESS = 'vsock://3:1024';

async function timed(promise: Promise<unknown>): Promise<{ error: HvsockError; took: number }> {
  const started = performance.now();
  const error = (await promise.then(
    () => assert.fail('connected'),
    (error) => error,
  )) as HvsockError;
  return { error, took: performance.now() - started };
}

describe('a system that does not answer', { skip: noVsock }, () => {
  test('timeout: ETIMEDOUT when it ends, and the attempt is cancelled', async (t) => {
    inject(t, { connect_start: 'never' });
    takeConnects();
    const { error, took } = await timed(connectAsync(ADDRESS, { timeout: 100 }));
    assert.deepEqual([error.code, error.kind, error.address], ['ETIMEDOUT', 'timeout', ADDRESS]);
    assert.match(error.message, /not connected within 100 ms/);
    assert.ok(took >= 95 && took < 2000, `${took} ms`);
    assert.deepEqual(takeConnects(), { started: 1, cancelled: 1 });
  });

  test('timeout and retry: each attempt has its own limit, and the deadline ends the last', async (t) => {
    inject(t, { connect_start: 'never' });
    takeConnects();
    const { error, took } = await timed(
      connectAsync(ADDRESS, { timeout: 50, retry: { for: 300, delay: 10, maxDelay: 10 } }),
    );
    assert.equal(error.kind, 'timeout');
    const { started, cancelled } = takeConnects();
    assert.ok(started >= 3 && started <= 6, `${started} attempts`);
    assert.equal(cancelled, started);
    assert.ok(took < 1500, `${took} ms`);
  });

  test('the deadline of retry cuts an attempt that has no limit of its own', async (t) => {
    inject(t, { connect_start: 'never' });
    const { error, took } = await timed(connectAsync(ADDRESS, { retry: { for: 100 } }));
    assert.equal(error.kind, 'timeout');
    assert.ok(took >= 95 && took < 1500, `${took} ms`);
  });

  test('a signal ends it, and so does destroy()', async (t) => {
    inject(t, { connect_start: 'never' });
    takeConnects();
    const aborted = await timed(connectAsync(ADDRESS, { signal: AbortSignal.timeout(50) }));
    assert.equal(aborted.error.kind, 'aborted');
    assert.equal((aborted.error.cause as Error).name, 'TimeoutError');
    const socket = connect(ADDRESS);
    socket.destroy();
    await once(socket, 'close');
    assert.deepEqual(takeConnects(), { started: 2, cancelled: 2 });
  });

  test('a socket timeout is told while connecting, and end() waits', async (t) => {
    inject(t, { connect_start: 'never' });
    const socket = connect(ADDRESS);
    socket.setTimeout(30);
    socket.end('kept');
    await once(socket, 'timeout');
    assert.equal(socket.connecting, true);
    assert.equal(socket.writableFinished, false);
    socket.destroy();
    await once(socket, 'close');
  });
});

describe('retry', { skip: noVsock }, () => {
  test("without a timeout, each attempt has the system's own limit, and not that of all together", async (t) => {
    // Setting a limit would fail here.
    inject(t, { connect_start: errno('ECONNRESET'), socket_set_option: errno('ENOPROTOOPT') });
    await assert.rejects(connectAsync(ADDRESS, { retry: { for: 100 } }), { kind: 'refused' });
    await assert.rejects(connectAsync(ADDRESS, { timeout: 100 }), { kind: 'unsupported' });
  });

  test('the pauses double up to the longest', async (t) => {
    inject(t, { connect_start: errno('ECONNRESET') });
    const socket = connect(ADDRESS, { retry: { for: 2000, delay: 10, maxDelay: 50 } });
    const delays: number[] = [];
    socket.on('retry', (_error: HvsockError, delay: number) => {
      delays.push(delay);
      if (delays.length === 5) socket.destroy();
    });
    await once(socket, 'close');
    assert.deepEqual(delays, [10, 20, 40, 50, 50]);
  });

  test('what will not change is not tried again', async (t) => {
    for (const code of ['EPERM', 'EAFNOSUPPORT', 'EINVAL']) {
      inject(t, { connect_start: errno(code) });
      takeConnects();
      await assert.rejects(connectAsync(ADDRESS, { retry: true }), { code });
      assert.equal(takeConnects().started, 1);
    }
  });
});

test('nothing native is loaded, and nothing is opened, by a wrong argument', () => {
  takeConnects();
  assert.throws(() => connect('vsock://3'), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
  assert.throws(() => connect(ADDRESS, { timeout: -1 }), { code: 'ERR_HVSOCK_INVALID_ARGUMENT' });
  assert.equal(takeConnects().started, 0);
});

test('an address that this system does not reach is unsupported, and says why', { skip: noVsock }, () => {
  for (const address of ['hvsock://children/1024', 'hvsock://parent/e0e16197-dd56-4a10-9195-5ee7a155a838']) {
    assert.throws(() => connect(address), { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported' }, address);
  }
});

test('options are checked before anything is opened', () => {
  const wrong: [options: object, message: RegExp][] = [
    [{ retry: { kinds: ['later'] } }, /retry.kinds must be made of refused, .*not "later"/],
    [{ retry: { delay: 0 } }, /retry.delay must be/],
    [{ toHost: 'yes' }, /toHost must be a boolean, not "yes"/],
    [{ allowHalfOpen: 1 }, /allowHalfOpen must be a boolean, not 1/],
    [{ highWaterMark: -1 }, /highWaterMark must be a number of bytes, not -1/],
    [{ onread: 1 }, /onread must be an object, not 1/],
    [{ onread: { buffer: 'x', callback() {} } }, /onread.buffer must be/],
    [{ onread: { buffer: Buffer.alloc(1) } }, /onread.callback must be a function/],
    [{ guestCid: -3 }, /guestCid must be/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => connect(ADDRESS, options),
      (error: HvsockError) => error.kind === 'invalid' && message.test(error.message),
    );
  }
  assert.throws(() => createServer({ highWaterMark: 0.5 }), /highWaterMark must be/);
  assert.throws(() => connect('vsock://:80'), /any machine is nobody to connect to/);
});
