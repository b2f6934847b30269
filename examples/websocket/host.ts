// On the host: says one thing, and prints what it hears until that has come back.
//   node host.ts [ADDRESS]
import { Agent } from 'hvsock/http';
import { WebSocket } from 'ws';

const [address = 'vsock://3:8080'] = process.argv.slice(2);

const socket = new WebSocket('ws://guest/', { agent: new Agent(address, { connect: { retry: true } }) });
socket.on('open', () => socket.send('is anybody there?'));
socket.on('message', (message) => {
  console.log(`${message}`);
  if (`${message}`.endsWith('?')) socket.close();
});
