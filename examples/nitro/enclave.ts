// In a Nitro enclave, which has no network but vsock to its parent: a service for the outside, and TLS to the outside by
// way of the parent, which sees nothing but ciphertext. The parent runs parent.ts, or AWS's vsock-proxy.
//   node enclave.ts [ADDRESS [PROXY [URL]]]
import http from 'node:http';
import https from 'node:https';
import { listen } from 'hvsock';
import { HttpsAgent } from 'hvsock/http';

const [address = 'vsock://:5000', proxy = 'vsock://3:8000', url = 'https://kms.us-east-1.amazonaws.com/'] =
  process.argv.slice(2);

// CID 3 is the parent. The certificate is checked against the URL's host, as always.
const outside = new HttpsAgent(proxy, { connect: { timeout: 5000 } });

const server = http.createServer((_request, response) => {
  const question = https.get(url, { agent: outside }, (answer) => {
    response.writeHead(answer.statusCode ?? 502);
    answer.pipe(response);
  });
  question.on('error', (error) => response.writeHead(502).end(`${error.message}\n`));
});
await listen(server, address);
console.log(`listening on ${address}`);
