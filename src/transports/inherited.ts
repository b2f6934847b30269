// Listening descriptors that were opened by somebody else and handed to this process, as systemd does.
import type net from 'node:net';
import { systemError } from '../errors.ts';
import { loadBinding } from '../native/load.ts';
import { attachListening } from './native-attach.ts';
import { AF_VSOCK, vsockFamily } from './vsock.ts';

/** Makes a server accept on it, whatever its family. The server's 'listening' follows. Throws for what is no socket. */
export function attachInherited(server: net.Server, fd: number, backlog: number): void {
  const binding = loadBinding();
  const name = new Uint16Array(64);
  const length = binding.socket_local_name(fd, new Uint8Array(name.buffer));
  if (length < 0) throw systemError(length, 'listen', 'vsock', `fd ${fd}`);
  // libuv knows all families but this one.
  if (name[0] !== AF_VSOCK) {
    server.listen({ fd, backlog, exclusive: true });
    return;
  }
  const result = binding.socket_make_nonblocking(fd);
  if (result < 0) throw systemError(result, 'listen', 'vsock', `fd ${fd}`);
  attachListening(binding, vsockFamily, server, fd, backlog);
}
