// The contract suite over real AF_VSOCK, by loopback.
import '../support/lab.ts';

import { VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { testTransport } from '#src/testing/contract.js';
import { makePair, type PairOptions } from '../support/pairs.ts';
import { local } from '../support/servers.ts';

const variants: Readonly<Record<string, PairOptions>> = {
  vsock: {},
  'vsock, carried by threads': { io: 'threads' },
  'vsock, framed': { framed: true },
  'vsock, with messages of 4096 bytes': { messageSize: 4096 },
};

for (const [name, variant] of Object.entries(variants)) {
  testTransport({
    name,
    capabilities: { halfClose: true, addresses: true },
    makePair: (options) =>
      makePair({ port: VMADDR_PORT_ANY }, (server) => local((server.address() as VsockAddress).port), {
        ...options,
        ...variant,
      }),
  });
}
