// What the machine that runs the tests can do, found by trying: reasons to skip, false where it can.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Medium } from 'hvsock/testing';

/** No unix sockets: on Windows, Node has named pipes in their place, which have no half close. */
export const noUnixSockets: string | false = await lackOfUnixSockets();

/** No AF_VSOCK, and no binding that works on descriptors: on Windows vsock addresses are AF_HYPERV's. */
export const noVsock: string | false =
  process.platform === 'win32' && 'on Windows vsock addresses are AF_HYPERV’s: test/hyperv is about those';

/** No descriptors to carry in threads, nor any to count. */
export const noDescriptors: string | false =
  process.platform === 'win32' && 'sockets have no descriptors on Windows: run this on Linux';

/** No signals that a process could catch: one that is sent ends it at once. */
export const noSignals: string | false =
  process.platform === 'win32' && 'a signal ends a process of Windows at once: run this on Linux or macOS';

/** Why a program of Debian's is not to be had here; elsewhere its absence is a failure. */
export const noProgram = (name: string): string | false =>
  process.platform === 'win32' && `no ${name} on Windows: run this on Linux`;

/** What connections of the emulator can be made of here. */
export const media: readonly Medium[] = noUnixSockets === false ? ['unix', 'loopback'] : ['loopback'];

async function lackOfUnixSockets(): Promise<string | false> {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-'));
  const server = net.createServer();
  try {
    server.listen(join(folder, 's'));
    await once(server, 'listening');
    return false;
  } catch (error) {
    return `no unix sockets on ${process.platform} (${(error as NodeJS.ErrnoException).code}): run this on Linux or macOS`;
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}
