// In the guest: a chat. What one client says, every client hears.
//   node guest.ts [ADDRESS]
import http from 'node:http';
import { listen } from 'hvsock';
import { WebSocketServer } from 'ws';

const [address = 'vsock://:8080'] = process.argv.slice(2);

const server = http.createServer();
const chat = new WebSocketServer({ server });
chat.on('connection', (socket, request) => {
  const who = request.socket.remoteAddress;
  socket.on('error', console.error);
  socket.on('message', (message) => {
    for (const client of chat.clients) client.send(`${who}: ${message}`);
  });
  socket.send(`welcome, ${who}`);
});

await listen(server, address);
console.log(`listening on ${address}`);
