// Runs a command for each connection; its stdin and stdout are the connection.
import { type ChildProcess, spawn } from 'node:child_process';
import { PooledPump } from './pooled-pump.ts';
import { pump } from './pump.ts';
import type { Service, Session } from './session.ts';

/** How a command ended, as 'exit' tells it. */
export type CommandOnExit = (session: Session, status: number | null, signal: NodeJS.Signals | null) => void;

/** @param command for the shell: `/bin/sh -c`, or on Windows `cmd.exe` */
export function execService(command: string, commandOnExit: CommandOnExit): Service {
  const sockets = new PooledPump();
  return {
    onread: sockets.onread,
    serve(session) {
      const { socket, counters, addresses } = session;
      const child: ChildProcess = spawn(command, {
        shell: true,
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, HVSOCK_LOCAL: addresses.local, HVSOCK_REMOTE: addresses.remote },
        // A group of its own, so that what the shell has started can be told too that the connection is gone.
        detached: process.platform !== 'win32',
      });
      child.once('error', (error) => socket.destroy(new Error(`${command}: ${error.message}`)));
      const { stdin, stdout } = child;
      // No descriptors left for pipes, as 'error' is about to tell.
      if (!stdin || !stdout) return;
      const onRead = (bytes: number) => counters.addReceived(bytes);
      sockets.pump(socket, stdin, { onRead });
      const onRefused = (error: Error) => session.refused(error);
      pump(stdout, socket, (bytes) => counters.addSent(bytes), onRefused);

      let isGone = false;
      socket.once('end', () => stdin.end());
      // A command need not read to the end: what it leaves is dropped, as by a pipe.
      stdin.on('error', () => sockets.pump(socket, undefined, { onRead }));
      stdout.once('end', () => {
        session.complete();
        socket.end();
      });
      child.once('exit', (status, signal) => commandOnExit(session, status, signal));
      child.once('close', () => {
        isGone = true;
        socket.destroySoon();
      });
      socket.once('close', () => {
        if (!isGone) hangUp(child);
      });
    },
  };
}

function hangUp(child: ChildProcess): void {
  // First, or it would learn from its pipes, and in another way, that nobody is there.
  signalGroup(child);
  child.stdin?.destroy();
  child.stdout?.destroy();
  // One that takes no notice must not keep this process.
  child.unref();
}

function signalGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill();
    else process.kill(-child.pid, 'SIGHUP');
  } catch {
    // It has ended by itself.
  }
}
