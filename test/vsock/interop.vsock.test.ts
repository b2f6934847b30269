// Other programs over loopback.
import '../support/lab.ts';

import { spawn } from 'node:child_process';
import { VMADDR_CID_LOCAL } from 'hvsock';
import { runThrough, testInterop } from './interop.ts';

testInterop(
  {
    cid: VMADDR_CID_LOCAL,
    ourCid: VMADDR_CID_LOCAL,
    run(script) {
      const shell = spawn('sh', { stdio: ['pipe', 'pipe', 'inherit'] });
      return runThrough(shell.stdin, shell.stdout, script);
    },
  },
  6000,
);
