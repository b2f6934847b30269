// npm run demo: runs examples/demo.ts where there is an AF_VSOCK to talk over. In a kernel of the lab if one can be made;
// else on this machine, if its kernel has loopback.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createServer, VMADDR_CID_LOCAL, VMADDR_PORT_ANY } from 'hvsock';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = 'build/ts/examples/demo.js';
process.chdir(root);

/** A kernel without loopback would send a connect to CID 1 to its host, so this only binds. */
async function hasLoopback() {
  try {
    const server = await createServer().listen({ cid: VMADDR_CID_LOCAL, port: VMADDR_PORT_ANY });
    await server[Symbol.asyncDispose]();
    return true;
  } catch {
    return false;
  }
}

/** @param {string} command @param {string[]} args */
function run(command, ...args) {
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}

const UNAVAILABLE = 69; // EX_UNAVAILABLE of sysexits.h: no lab on this machine

let status = UNAVAILABLE;
if (process.platform === 'linux' && existsSync('test/vm/uml.sh')) {
  console.log('demo    in a kernel of its own, User-Mode Linux (the first time, Debian packages are fetched)');
  status = run('test/vm/uml.sh', '-t', '300', process.execPath, program);
}
if (status === UNAVAILABLE && (await hasLoopback())) {
  console.log('demo    on this machine, whose kernel has vsock loopback');
  status = run(process.execPath, program);
}
if (status === UNAVAILABLE) {
  console.error(
    'demo: no AF_VSOCK to talk over. Run it as root on Debian 12 (x86-64), which boots a kernel for it, ' +
      'or on Linux after: modprobe vsock_loopback',
  );
  status = 1;
}
process.exitCode = status;
