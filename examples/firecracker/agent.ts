// In a Firecracker guest: an agent that runs commands for the host, and reports when it is up.
//   node agent.ts
import { execFile } from 'node:child_process';
import http from 'node:http';
import os from 'node:os';
import { json } from 'node:stream/consumers';
import { connect, listen } from 'hvsock';

const server = http.createServer(async (request, response) => {
  try {
    const [command = '', ...args] = (await json(request)) as string[];
    execFile(command, args, (error, stdout, stderr) => {
      response.end(JSON.stringify({ status: error === null ? 0 : error.code, stdout, stderr }));
    });
  } catch (error) {
    response.writeHead(400).end(`${error}`);
  }
});
await listen(server, 'vsock://:52');

const report = connect('vsock://host:53', { retry: true });
report.end(JSON.stringify({ cpus: os.cpus().length, memory: os.totalmem() }));
