// Unix sockets that a VMM maps to vsock: Firecracker, Cloud Hypervisor and vhost-device (CONNECT and OK), HyperKit,
// and plain ones (vfkit, libkrun). On node:net alone, without the addon.
import type { Address } from '../address/address.ts';
import type { HybridAddress } from '../address/hybrid.ts';
import type { Attempt } from '../socket.ts';
import { refuseNativeOptions } from './foreign-options.ts';
import { greetingOf, HandshakeAnswer } from './hybrid-handshake.ts';
import { attach, listen } from './hybrid-listener.ts';
import { HybridSocket } from './hybrid-socket.ts';
import type { Transport } from './transport.ts';

/** The CID that HyperKit gives its guest unless told otherwise. */
const HYPERKIT_GUEST_CID = 3;

const placeOf = (address: Address) => ({ path: (address as HybridAddress).listenPath, address });

// The registry hands each transport addresses of its own family only.
export const hybridTransport: Transport = {
  family: 'hybrid',
  createSocket: (options) => new HybridSocket('hybrid', options),

  connect(socket, target, options, onEnd): Attempt {
    refuseNativeOptions(options);
    const address = target as HybridAddress;
    return (socket as HybridSocket).attempt(
      () => ({
        to: { path: address.connectPath },
        greeting: greetingOf(address, options.guestCid ?? HYPERKIT_GUEST_CID),
        answer: address.dialect === 'firecracker' ? new HandshakeAnswer(address) : undefined,
        address,
        connection: (port) => ({ local: port === undefined ? address : address.withPort(port), remote: address }),
      }),
      onEnd,
    );
  },

  listen(target, options, accepting, events) {
    refuseNativeOptions(options);
    const connection = { local: target, remote: undefined };
    return listen(placeOf(target), options, accepting, events, (_accepted, known) => known(connection));
  },
  attach(server, target, options) {
    refuseNativeOptions(options);
    return attach(server, placeOf(target), options, () => ({ localEndpoint: target, remoteEndpoint: undefined }));
  },
};
