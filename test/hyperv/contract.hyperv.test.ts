// The contract suite over AF_HYPERV's loopback, with both ways that bytes are carried.
import { testTransport } from '#src/testing/contract.js';
import { engines, freshAddress } from '../support/hyperv.ts';
import { makePair } from '../support/pairs.ts';

for (const io of engines) {
  testTransport({
    name: `hyperv, ${io}`,
    // On loopback the ends do not mirror each other: go-winio's tests found the same on Windows.
    capabilities: { halfClose: true, addresses: false },
    makePair: (options) => makePair(freshAddress(), (server) => `${server.address()}`, { ...options, io }),
  });
}
