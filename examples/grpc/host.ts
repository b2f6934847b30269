// On the host: a gRPC client. grpc-js connects to TCP and unix sockets and to nothing else, so a unix socket stands
// between: in a directory that nobody else may enter, each connection is passed on to the guest.
//   node host.ts [ADDRESS]
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { connect, relay } from 'hvsock';

const [address = 'vsock://3:50051'] = process.argv.slice(2);

interface GreeterClient extends grpc.Client {
  greet(name: { name: string }, callback: grpc.requestCallback<{ text: string }>): grpc.ClientUnaryCall;
  repeat(name: { name: string }): grpc.ClientReadableStream<{ text: string }>;
}

const directory = await mkdtemp(join(tmpdir(), 'grpc-'));
const path = join(directory, 'guest');
const forwarder = net.createServer((local) => {
  relay(local, connect(address, { retry: true })).catch((error) => console.error(error.message));
});
await once(forwarder.listen(path), 'listening');

const definition = loadSync(fileURLToPath(new URL('greeter.proto', import.meta.url)));
const { Greeter } = grpc.loadPackageDefinition(definition) as { Greeter: grpc.ServiceClientConstructor };
const client = new Greeter(`unix:${path}`, grpc.credentials.createInsecure()) as unknown as GreeterClient;

client.greet({ name: 'host' }, (error, greeting) => console.log(error?.message ?? greeting?.text));
for await (const { text } of client.repeat({ name: 'host' })) console.log(text);

client.close();
forwarder.close();
await rm(directory, { recursive: true });
