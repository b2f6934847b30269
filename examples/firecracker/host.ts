// On Firecracker's host, where the guest's vsock is the unix socket of the machine's "uds_path": waits until the guest's
// agent reports, then has it run a command.
//   node host.ts PATH COMMAND [ARGUMENT...]
import { once } from 'node:events';
import { json } from 'node:stream/consumers';
import { createServer, type Socket } from 'hvsock';
import { createConnector } from 'hvsock/http';
import { Agent, fetch } from 'undici';

const [path = '/run/vm.sock', ...command] = process.argv.slice(2);

// What the guest connects to at port 53 of its host, Firecracker connects to at <path>_53.
const reports = await createServer().listen(`firecracker://:53${path}`);
console.log(`waiting for the agent behind ${path}`);
const [report] = (await once(reports, 'connection')) as [Socket];
console.log('the guest has', await json(report));
reports.close();

const dispatcher = new Agent({ connect: createConnector(`firecracker://:52${path}`, { timeout: 2000 }) });
const answer = await fetch('http://guest/', { dispatcher, method: 'POST', body: JSON.stringify(command) });
const { status, stdout, stderr } = (await answer.json()) as { status: number; stdout: string; stderr: string };
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = status;
await dispatcher.close();
