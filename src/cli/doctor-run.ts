// Runs the doctor and prints what it has found.
import { diagnose } from '../doctor/diagnose.ts';
import type { DoctorRun } from './doctor-arguments.ts';
import { formatReport } from './doctor-report.ts';
import { print } from './print.ts';

/** Returns the exit status: 1 where there is a failure. */
export async function runDoctor({ sockets, io, json }: DoctorRun): Promise<number> {
  const { stdout } = process;
  const findings = await diagnose({ sockets, io });
  // hasColors() knows NO_COLOR, FORCE_COLOR and dumb terminals.
  const options = stdout.isTTY ? { color: stdout.hasColors(), width: stdout.columns || 80 } : { color: false };
  print(json ? `${JSON.stringify(findings, undefined, 2)}\n` : formatReport(findings, options));
  return findings.some(({ level }) => level === 'failure') ? 1 : 0;
}
