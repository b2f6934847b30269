// Expectations about the two errors that addresses throw.
import assert from 'node:assert/strict';
import { HvsockError } from '#src/errors.js';

/** `call` throws ERR_HVSOCK_INVALID_ADDRESS that quotes `text` and gives this problem. */
export function assertNoAddress(call: () => unknown, text: string, problem: string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof HvsockError);
    assert.equal(error.message, `${JSON.stringify(text)} is no address: ${problem}`);
    assert.equal(error.code, 'ERR_HVSOCK_INVALID_ADDRESS');
    assert.equal(error.kind, 'invalid');
    assert.equal(error.address, text);
    return true;
  });
}

/** `call` throws ERR_HVSOCK_INVALID_ARGUMENT with this message. */
export function assertNoArgument(call: () => unknown, message: string | RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof HvsockError);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error.code, 'ERR_HVSOCK_INVALID_ARGUMENT');
    assert.equal(error.kind, 'invalid');
    return true;
  });
}
