// npm run demo: runs examples/demo.ts in a kernel of the lab if one can be made; else on this machine, if its kernel has
// loopback; else over an emulated hypervisor.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createServer, VMADDR_CID_LOCAL, VMADDR_PORT_ANY } from 'hvsock';
import { Emulator } from 'hvsock/testing';

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

async function emulate() {
  const emulator = await Emulator.create();
  process.env.HVSOCK_EMULATOR = emulator.directory;
  try {
    return run(process.execPath, program);
  } finally {
    await emulator.close();
  }
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
  console.log(
    'demo    over an emulated hypervisor, for lack of a real AF_VSOCK. As root on Debian 12 (x86-64) it boots a kernel for ' +
      'that; on Linux there is one after: modprobe vsock_loopback',
  );
  status = await emulate();
}
process.exitCode = status;
