// The contract suite over what every machine has: node:net itself, which shows that the suite asks for no more.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testTransport } from '#src/testing/contract.js';
import { noUnixSockets } from './support/capabilities.ts';

testTransport({
  name: 'node:net over a unix socket',
  skip: noUnixSockets,
  capabilities: { halfClose: true, addresses: false },
  async makePair(options) {
    const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
    const listener = net.createServer({ allowHalfOpen: options.allowHalfOpen ?? false });
    listener.listen(join(directory, 's'));
    await once(listener, 'listening');
    const client = net.connect({ path: join(directory, 's'), ...options } as net.NetConnectOpts);
    const [[server]] = (await Promise.all([once(listener, 'connection'), once(client, 'connect')])) as [
      [net.Socket],
      unknown,
    ];
    return {
      client,
      server,
      async close() {
        client.destroy();
        server.destroy();
        listener.close();
        rmSync(directory, { recursive: true });
      },
    };
  },
});
