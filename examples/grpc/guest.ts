// In the guest: a gRPC server. grpc-js takes connections from anywhere, so it needs no port of its own.
//   node guest.ts [ADDRESS]
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createServer } from 'hvsock';

const [address = 'vsock://:50051'] = process.argv.slice(2);

type Name = { name: string };
type Greeting = { text: string };

const definition = loadSync(fileURLToPath(new URL('greeter.proto', import.meta.url)));
const { Greeter } = grpc.loadPackageDefinition(definition) as { Greeter: grpc.ServiceClientConstructor };

const service = new grpc.Server();
service.addService(Greeter.service, {
  greet(call: grpc.ServerUnaryCall<Name, Greeting>, callback: grpc.sendUnaryData<Greeting>) {
    callback(null, { text: `hello, ${call.request.name}` });
  },
  repeat(call: grpc.ServerWritableStream<Name, Greeting>) {
    for (let i = 1; i <= 3; i++) call.write({ text: `hello ${i}, ${call.request.name}` });
    call.end();
  },
});

const injector = service.createConnectionInjector(grpc.ServerCredentials.createInsecure());
await createServer((socket) => injector.injectConnection(socket)).listen(address);
console.log(`listening on ${address}`);
