// In a Hyper-V guest, Windows or Linux: tells who asks about the machine.
//   node guest.ts
import os from 'node:os';
import { createServer } from 'hvsock';

const server = createServer((socket) => {
  socket.on('error', (error) => console.error(error.message));
  socket.end(JSON.stringify({ hostname: os.hostname(), uptime: os.uptime() }));
});

// Port 1024 is the service 00000400-facb-11e6-bd58-64006a7986d3, which a Linux guest knows as the port alone.
await server.listen('hvsock://wildcard/1024');
console.log(`listening on ${server.address()}`);
