// The contract suite over real AF_VSOCK, by loopback.
import { VMADDR_PORT_ANY, type VsockAddress } from 'hvsock';
import { testTransport } from '#src/testing/contract.js';
import { makePair } from '../support/pairs.ts';
import { local } from '../support/servers.ts';

testTransport({
  name: 'vsock',
  capabilities: { halfClose: true, addresses: true },
  makePair: (options) =>
    makePair({ port: VMADDR_PORT_ANY }, (server) => local((server.address() as VsockAddress).port), options),
});
