// Whether bytes get through AF_HYPERV sockets, and in which of the two ways that this library has: by an echo.
import { portOfServiceId } from '../address/guid.ts';
import type { HypervAddress } from '../address/hyperv.ts';
import { type Finding, finding } from './finding.ts';
import type { System } from './system.ts';
import { openHyperv } from './windows.ts';

type Echo = { readonly time: string } | { readonly problem: string };

/** The only part of the doctor that connects: to oneself, and to a machine's echo service if one is named. */
export async function examineIo(system: System, machine?: HypervAddress): Promise<Finding[]> {
  const { platform, probes } = system;
  if (platform !== 'win32' || probes instanceof Error || openHyperv(probes) !== 'ok')
    return [finding('io.unsupported')];
  // One after the other, so that each has the machine for itself.
  const direct = await echo(system, 'direct');
  const threads = await echo(system, 'threads');
  const findings = [
    'time' in direct ? finding('io.direct', direct) : finding('io.direct-failed', direct),
    'time' in threads ? finding('io.threads', threads) : finding('io.threads-failed', threads),
    ...('problem' in direct && 'problem' in threads ? [finding('io.none')] : []),
  ];
  if (machine === undefined) return findings;
  const address = `${machine}`;
  const service = portOfServiceId(machine.serviceId) ?? machine.serviceId;
  for (const io of ['direct', 'threads'] as const) {
    const answer = await echo(system, io, machine);
    findings.push(
      'time' in answer
        ? finding('io.machine', { address, io, ...answer })
        : finding('io.machine-failed', { address, io, service, ...answer }),
    );
  }
  return findings;
}

async function echo(system: System, io: 'direct' | 'threads', machine?: HypervAddress): Promise<Echo> {
  try {
    return { time: (await system.echo(io, machine)).toFixed(1) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
