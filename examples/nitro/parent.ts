// On the parent instance: the enclave's one way in, from a TCP port, and its one way out, to a single host.
//   node parent.ts [ENCLAVE [TCP-PORT [PROXY [HOST [PORT]]]]]
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { type Address, connect, createServer, parseAddress, relay } from 'hvsock';

const [
  enclave = 'vsock://16:5000', // 16 was given to it: nitro-cli run-enclave --enclave-cid 16
  tcpPort = '5000',
  proxy = 'vsock://:8000',
  host = 'kms.us-east-1.amazonaws.com',
  port = '443',
] = process.argv.slice(2);

// Bytes are carried outside JavaScript.
const join = (one: Duplex, other: Duplex) => relay(one, other).catch((error) => console.error(error.message));

const wayIn = net.createServer((client) => join(client, connect(enclave, { timeout: 5000 })));
wayIn.listen(Number(tcpPort), () => console.log(`way in: TCP port ${tcpPort} to ${enclave}`));

const address = parseAddress(enclave);
const isEnclave = (peer?: Address) =>
  peer?.family === 'vsock' && address.family === 'vsock' && peer.cid === address.cid;
const wayOut = createServer({ filter: isEnclave }, (client) => join(client, net.connect(Number(port), host)));
await wayOut.listen(proxy);
console.log(`way out: ${proxy} to ${host}:${port}`);
