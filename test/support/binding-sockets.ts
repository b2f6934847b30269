// Sockets of the binding over AF_INET loopback: the addon does not care about the family, and a connect can be kept
// waiting there. Nothing here needs a hypervisor.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Binding, Operation } from '#src/native/binding.js';
import { loadBinding } from '#src/native/load.js';

const AF_INET = 2;
const SOCK_STREAM = 1;

const binding: Binding = loadBinding();

export function sockaddr(port: number): Uint8Array {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

export function check(result: number): number {
  assert.ok(result >= 0, `errno ${result}`);
  return result;
}

export const open = () => check(binding.socket_open(AF_INET, SOCK_STREAM, 0));

/** A listening descriptor and its port. */
export function openListening(backlog: number): { fd: number; port: number } {
  const fd = open();
  check(binding.socket_bind(fd, sockaddr(0)));
  check(binding.socket_listen(fd, backlog));
  const name = new Uint8Array(16);
  assert.equal(binding.socket_local_name(fd, name), 16);
  return { fd, port: ((name[2] ?? 0) << 8) | (name[3] ?? 0) };
}

export function accept(fd: number, onAccept: (result: number) => void): Operation {
  const started = binding.listener_start(fd, onAccept);
  assert.equal(typeof started, 'object');
  return started as Operation;
}

/** A connect that stays under way: the backlog is full. */
export interface Waiting {
  readonly operation: Operation;
  /** Accepts those in its way: it is connected when TCP tries again, after a second. */
  letIn(): void;
  /** Gives up the port: it is refused when TCP tries again. */
  close(): void;
}

export async function connectAndWait(onEnd: (result: number) => void): Promise<Waiting> {
  const { fd, port } = openListening(0);
  const fillers = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
  for (const filler of fillers) filler.on('error', () => {});
  await once(fillers[0] as net.Socket, 'connect');
  const operation = binding.connect_start(open(), sockaddr(port), onEnd);
  assert.equal(typeof operation, 'object');
  let listener: Operation | undefined;
  return {
    operation: operation as Operation,
    letIn() {
      listener = accept(fd, (result) => binding.socket_close(check(result)));
    },
    close() {
      for (const filler of fillers) filler.destroy();
      if (listener === undefined) binding.socket_close(fd);
      else binding.operation_cancel(listener);
    },
  };
}
