// Makes a descriptor that libuv does not know into one that it does: see DESIGN in ARCHITECTURE.md, 'Adoption'.
// A placeholder is an AF_UNIX stream descriptor, which net.Socket accepts; the real one takes its place later.
import type { Binding } from './binding.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const LISTENING_SOON = Uint8Array.from([AF_UNIX, 0]);

/** An unconnected AF_UNIX stream socket: its descriptor, or a negative errno. */
export function openPlaceholder(binding: Binding): number {
  return binding.socket_open(AF_UNIX, SOCK_STREAM, 0);
}

/**
 * The same, bound to a name that the kernel chose, so that `listen` on it succeeds (man unix(7), 'Autobind feature').
 */
export function openListeningPlaceholder(binding: Binding): number {
  const fd = openPlaceholder(binding);
  if (fd < 0) return fd;
  const result = binding.socket_bind(fd, LISTENING_SOON);
  if (result < 0) binding.socket_close(fd);
  return result < 0 ? result : fd;
}
