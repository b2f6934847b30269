// In the guest: a web server with Express, listening on vsock. Its client on the host is host.ts.
//   node guest.ts [ADDRESS]
import http from 'node:http';
import express from 'express';
import { listen } from 'hvsock';

const [address = 'vsock://:80'] = process.argv.slice(2);

const app = express();
app.use(express.json());
app.get('/', (request, response) => {
  response.send(`hello, ${request.socket.remoteAddress}`);
});
app.post('/sum', (request, response) => {
  response.json({ sum: request.body.reduce((sum: number, n: number) => sum + n, 0) });
});

await listen(http.createServer(app), address);
console.log(`listening on ${address}`);
