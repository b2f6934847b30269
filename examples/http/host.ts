// On the host: fetch, with every connection going to the guest. The names in URLs are only for the Host header.
//   node host.ts [ADDRESS]
import { createConnector } from 'hvsock/http';
import { Agent, fetch } from 'undici';

const [address = 'vsock://3:80'] = process.argv.slice(2);

const dispatcher = new Agent({ connect: createConnector(address, { timeout: 2000, retry: true }) });

const greeting = await fetch('http://guest/', { dispatcher });
console.log(await greeting.text());

const sum = await fetch('http://guest/sum', {
  dispatcher,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify([1, 2, 3]),
});
console.log(await sum.json());

await dispatcher.close();
