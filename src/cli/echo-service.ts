// Sends everything back, to many at once.
import { PooledPump } from './pooled-pump.ts';
import type { Service } from './session.ts';

export function echoService(): Service {
  const pump = new PooledPump();
  return {
    onread: pump.onread,
    serve({ socket, counters }) {
      socket.once('end', () => socket.end());
      pump.pump(socket, socket, {
        onRead: (bytes) => counters.addReceived(bytes),
        onTaken: (bytes) => counters.addSent(bytes),
      });
    },
  };
}
