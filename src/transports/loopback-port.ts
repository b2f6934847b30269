// Listening on a port of 127.0.0.1 that a file names: the emulator's medium where unix sockets are not to be had.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import type { Address } from '../address/address.ts';
import { errnoOf, systemError } from '../errors.ts';

const HOST = '127.0.0.1';

/** Where the file says that somebody listens; undefined without such a file. */
export function loopbackOf(path: string): { port: number; host: string; noDelay: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { port: Number(text), host: HOST, noDelay: true };
}

/**
 * Opens a port, and has the file say which. A file that nobody answers for is replaced. Resolves before the users of the
 * server hear 'listening'.
 */
export async function openLoopback(
  server: net.Server,
  { path, address }: { path: string; address: Address },
  backlog: number,
): Promise<void> {
  const before = loopbackOf(path);
  if (before !== undefined) {
    if (await answers(before)) throw systemError(errnoOf('EADDRINUSE'), 'bind', address.family, `${address}`);
    unlinkSync(path);
  }
  const opened = new Promise<void>((resolve, reject) => {
    server.prependOnceListener('listening', () => {
      server.off('error', reject);
      try {
        const { port } = server.address() as net.AddressInfo;
        writeFileSync(path, `${port}\n`, { flag: 'wx', mode: 0o600 });
      } catch (error) {
        server.close();
        const code = (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'EADDRINUSE' : 'ENOENT';
        reject(systemError(errnoOf(code), 'bind', address.family, `${address}`));
        return;
      }
      server.once('close', () => remove(path));
      resolve();
    });
    server.once('error', reject);
  });
  server.listen({ port: 0, host: HOST, backlog, exclusive: true });
  await opened;
}

function answers(to: { port: number; host: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(to);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // The machine was given another CID, or has gone.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
