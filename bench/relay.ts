// The relay that is measured: `relay.js threads|streams ADDRESS TARGET SIZE`. It says "ready", and carries each connection at
// ADDRESS to TARGET and back.
import { connect, createServer, type RelayIo, relay } from 'hvsock';

const [io = 'auto', address = '', target = '', size = ''] = process.argv.slice(2);

await createServer({ allowHalfOpen: true, pauseOnConnect: true }, async (socket) => {
  await relay(socket, connect(target, { allowHalfOpen: true }), { io: io as RelayIo, bufferSize: Number(size) });
}).listen(address, { backlog: 4096 });
console.log('ready');
// Not to be left behind by a benchmark that was killed.
process.stdin.resume().on('end', () => process.exit());
