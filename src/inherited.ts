// listenInherited(): servers on listening sockets that this process was started with.
import { once } from 'node:events';
import net from 'node:net';
import { HvsockError, invalidArgument, withKind } from './errors.ts';
import { attachInherited } from './transports/inherited.ts';

const BACKLOG = 511;

/**
 * Makes any `net.Server` accept on a listening descriptor that this process was started with, which is the server's from then
 * on: of AF_VSOCK, which `server.listen({ fd })` refuses, or of any family that node:net knows. On vsock its sockets get
 * the address properties of a `Socket`, and `server.address()` tells the address. Rejects with the error of the call that
 * failed, kind `invalid` for what is no socket; on Windows with `ERR_HVSOCK_UNSUPPORTED`.
 */
export async function listenInherited<S extends net.Server>(server: S, fd: number): Promise<S> {
  if (!(server instanceof net.Server)) throw invalidArgument('server', server, 'a net.Server');
  if (!Number.isInteger(fd) || fd < 0) throw invalidArgument('fd', fd, 'the number of a descriptor');
  if (process.platform === 'win32') {
    throw new HvsockError('Windows hands no listening sockets to a process', {
      code: 'ERR_HVSOCK_UNSUPPORTED',
      kind: 'unsupported',
    });
  }
  attachInherited(server, fd, BACKLOG);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw withKind(error as Error, 'hybrid', `fd ${fd}`);
  }
  return server;
}
