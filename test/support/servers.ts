// Servers that end with their test, and what tests ask of sockets again and again.
import type { TestContext } from 'node:test';
import {
  createServer,
  type ListenOptions,
  type Server,
  type ServerOptions,
  type Socket,
  VMADDR_CID_LOCAL,
  VMADDR_PORT_ANY,
  VsockAddress,
} from 'hvsock';

/** A server on a port of the kernel's choice, and the address by which this machine reaches it. */
export async function serve(
  context: TestContext,
  onConnection: (socket: Socket) => void,
  options: ServerOptions & ListenOptions = {},
): Promise<{ server: Server; address: VsockAddress }> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await server.listen({ port: VMADDR_PORT_ANY }, options);
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    await server[Symbol.asyncDispose]();
  });
  return { server, address: local((server.address() as VsockAddress).port) };
}

/** A port of this machine, by loopback. */
export const local = (port: number): VsockAddress => new VsockAddress({ cid: VMADDR_CID_LOCAL, port });

/** A port that nobody listens on: one that was just given up. */
export async function deadPort(context: TestContext): Promise<VsockAddress> {
  const { server, address } = await serve(context, () => {});
  await server[Symbol.asyncDispose]();
  return address;
}

export const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

/** The error that the socket is destroyed with; fails if it is not. */
export async function errorOf(socket: Socket): Promise<Error> {
  return new Promise((resolve, reject) => {
    socket.once('error', resolve);
    socket.once('close', () => reject(new Error('closed without an error')));
  });
}

export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
