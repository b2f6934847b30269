// The doctor, run by a user without rights. Everything is loaded first, for that user may not see this folder.
import { diagnose } from '#src/doctor/diagnose.js';
import { loadBinding } from '#src/native/load.js';

const NOBODY = 65534;

loadBinding();
process.setgroups?.([]);
process.setgid?.(NOBODY);
process.setuid?.(NOBODY);
const findings = await diagnose({ sockets: process.argv.slice(2) });
process.stdout.write(JSON.stringify(findings));
process.exitCode = findings.some(({ level }) => level === 'failure') ? 1 : 0;
