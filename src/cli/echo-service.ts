// Sends everything back, to many at once.
import { PooledPump } from './pooled-pump.ts';
import type { Service } from './session.ts';

export function echoService(): Service {
  const pump = new PooledPump();
  return {
    onread: pump.onread,
    serve(session) {
      const { socket, counters } = session;
      socket.once('end', () => {
        session.complete();
        socket.end();
      });
      pump.pump(socket, socket, {
        onRead: (bytes) => counters.addReceived(bytes),
        onTaken: (bytes) => counters.addSent(bytes),
      });
    },
  };
}
