// Unix sockets that a VMM maps to vsock: Firecracker, Cloud Hypervisor and vhost-device (CONNECT and OK), HyperKit,
// and plain ones (vfkit, libkrun). On node:net alone, without the addon.
import type { HybridAddress } from '../address/hybrid.ts';
import { invalidArgument } from '../errors.ts';
import type { Attempt } from '../socket.ts';
import { greetingOf } from './hybrid-handshake.ts';
import { attach, listen } from './hybrid-listener.ts';
import { HybridSocket } from './hybrid-socket.ts';
import type { AttemptOptions, ListenerOptions, Transport } from './transport.ts';

/** The CID that HyperKit gives its guest unless told otherwise. */
const HYPERKIT_GUEST_CID = 3;

const vsockOnly = ['localPort', 'toHost', 'bufferSize', 'bufferMinSize', 'bufferMaxSize'] as const;

function refuseVsockOptions(options: AttemptOptions | ListenerOptions): void {
  for (const name of vsockOnly) {
    const value = (options as AttemptOptions)[name];
    if (value !== undefined) throw invalidArgument(name, value, 'absent: unix sockets do not have it');
  }
}

// The registry hands each transport addresses of its own family only.
export const hybridTransport: Transport = {
  family: 'hybrid',
  createSocket: (options) => new HybridSocket(options),

  connect(socket, target, options, onEnd): Attempt {
    refuseVsockOptions(options);
    const address = target as HybridAddress;
    const hybridSocket = socket as HybridSocket;
    let cancelled = false;
    // In a turn of its own, so that who wraps the socket now (TLS, say) does not take a handle that may be replaced.
    process.nextTick(() => {
      if (cancelled) return;
      hybridSocket.start(address, greetingOf(address, options.guestCid ?? HYPERKIT_GUEST_CID), onEnd);
    });
    return {
      cancel() {
        cancelled = true;
        hybridSocket.abandon();
      },
      setRef: (referenced) => hybridSocket.setRef(referenced),
    };
  },

  listen(target, options, accepting, events) {
    refuseVsockOptions(options);
    return listen(target as HybridAddress, options, accepting, events);
  },
  attach(server, target, options) {
    refuseVsockOptions(options);
    return attach(server, target as HybridAddress, options);
  },
};
