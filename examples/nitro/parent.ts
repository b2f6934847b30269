// On the parent instance: the enclave's one way in, from a TCP port, and its one way out, to a single host.
//   node parent.ts [ENCLAVE [TCP-PORT [PROXY [HOST [PORT]]]]]
import net from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { type Address, connect, createServer, parseAddress } from 'hvsock';

const [
  enclave = 'vsock://16:5000', // 16 was given to it: nitro-cli run-enclave --enclave-cid 16
  tcpPort = '5000',
  proxy = 'vsock://:8000',
  host = 'kms.us-east-1.amazonaws.com',
  port = '443',
] = process.argv.slice(2);

// Each direction ends on its own, so that an answer may follow the end of a question.
const allowHalfOpen = true;
const join = (one: Duplex, other: Duplex) =>
  pipeline(one, other, one, (error) => error && console.error(error.message));

const wayIn = net.createServer({ allowHalfOpen }, (client) =>
  join(client, connect(enclave, { allowHalfOpen, timeout: 5000 })),
);
wayIn.listen(Number(tcpPort), () => console.log(`way in: TCP port ${tcpPort} to ${enclave}`));

const address = parseAddress(enclave);
const isEnclave = (peer?: Address) =>
  peer?.family === 'vsock' && address.family === 'vsock' && peer.cid === address.cid;
const wayOut = createServer({ allowHalfOpen, filter: isEnclave }, (client) =>
  join(client, net.connect({ host, port: Number(port), allowHalfOpen })),
);
await wayOut.listen(proxy);
console.log(`way out: ${proxy} to ${host}:${port}`);
