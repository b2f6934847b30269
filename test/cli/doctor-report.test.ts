// What people read of the doctor's findings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { formatReport } from '#src/cli/doctor-report.js';
import type { Finding } from '#src/doctor/finding.js';

const findings: Finding[] = [
  { id: 'addon.loaded', level: 'ok', why: 'the native addon loads' },
  {
    id: 'cid.forbidden',
    level: 'warning',
    why: '/dev/vsock may not be read, so that the CID cannot be told',
    command: 'chmod a+r /dev/vsock',
  },
  { id: 'family.missing', level: 'failure', why: 'no AF_VSOCK', command: 'modprobe vsock' },
];

test('columns, commands and a sum', () => {
  assert.equal(
    formatReport(findings, { color: false }),
    `ok       addon.loaded    the native addon loads
warning  cid.forbidden   /dev/vsock may not be read, so that the CID cannot be told
                         $ chmod a+r /dev/vsock
failure  family.missing  no AF_VSOCK
                         $ modprobe vsock

1 failure, 1 warning
`,
  );
  assert.match(formatReport(findings.slice(0, 1), { color: false }), /\n\nall is well\n$/);
});

test('folded to the width of a terminal, commands whole', () => {
  const lines = formatReport(findings, { color: false, width: 60 }).split('\n');
  assert.deepEqual(lines.slice(1, 4), [
    'warning  cid.forbidden   /dev/vsock may not be read, so that',
    '                         the CID cannot be told',
    '                         $ chmod a+r /dev/vsock',
  ]);
  for (const line of lines) assert.ok(line.length <= 60);
  assert.match(formatReport(findings, { color: false, width: 1 }), / may not be read, so\n/);
});

test('colours change nothing but the colours', () => {
  const painted = formatReport(findings, { color: true });
  assert.ok(painted.includes('\x1b[31mfailure\x1b[39m'));
  assert.equal(stripVTControlCharacters(painted), formatReport(findings, { color: false }));
});
