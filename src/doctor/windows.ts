// Hyper-V's sockets on Windows, the rights of this process, the services of this host and its machines.
import { randomInt } from 'node:crypto';
import { serviceIdOfPort } from '../address/guid.ts';
import { HV_GUID_LOOPBACK, HypervAddress } from '../address/hyperv.ts';
import { HvsockError } from '../errors.ts';
import { Commands } from '../windows/commands.ts';
import { isElevated } from '../windows/elevation.ts';
import {
  listServices,
  listVirtualMachines,
  type Service,
  type VirtualMachine,
  type WindowsOptions,
} from '../windows/index.ts';
import { type Finding, finding } from './finding.ts';
import type { Outcome, Probes, System } from './system.ts';

const AF_HYPERV = 34;
const SOCK_STREAM = 1;
const HV_PROTOCOL_RAW = 1;
/** Ports above those that people choose. */
const [FIRST_PORT, LAST_PORT] = [0x4000_0000, 0x7fff_ffff];

export async function examineWindows({ probes, windows }: System): Promise<Finding[]> {
  const asked = await Promise.all([examineRights(windows), examineServices(windows), examineMachines(windows)]);
  return [...(probes instanceof Error ? [] : examineSockets(probes)), ...asked];
}

/** Whether Windows opens AF_HYPERV sockets. */
export function openHyperv(probes: Probes): Outcome {
  return probes.open(AF_HYPERV, SOCK_STREAM, HV_PROTOCOL_RAW);
}

function examineSockets(probes: Probes): Finding[] {
  const opened = openHyperv(probes);
  if (opened !== 'ok') return [finding('hyperv.missing', { code: opened })];
  const serviceId = serviceIdOfPort(randomInt(FIRST_PORT, LAST_PORT));
  const loopback = new HypervAddress({ vmId: HV_GUID_LOOPBACK, serviceId });
  const bound = probes.bind(AF_HYPERV, SOCK_STREAM, HV_PROTOCOL_RAW, loopback.toSockaddr());
  return [bound === 'ok' ? finding('hyperv.ready') : finding('hyperv.idle', { code: bound })];
}

async function examineRights(windows: WindowsOptions): Promise<Finding> {
  const elevated = await answerOf(isElevated(new Commands('looking for rights', windows)));
  if (elevated instanceof HvsockError) return finding('rights.untold', { problem: elevated.message });
  return finding(elevated ? 'rights.elevated' : 'rights.missing');
}

async function examineServices(windows: WindowsOptions): Promise<Finding> {
  const services = await answerOf(listServices(windows));
  if (services instanceof HvsockError) return finding('services.untold', { problem: services.message });
  return services.length === 0
    ? finding('services.none')
    : finding('services.registered', { services: services.map(nameOfService).join(', ') });
}

const nameOfService = ({ port, serviceId, name }: Service) =>
  `${port ?? serviceId}${name === undefined ? '' : ` (${name})`}`;

async function examineMachines(windows: WindowsOptions): Promise<Finding> {
  const machines = await answerOf(listVirtualMachines(windows));
  if (machines instanceof HvsockError) {
    switch (machines.code) {
      case 'ERR_HVSOCK_NO_HYPERV':
        return finding('machines.no-hyperv');
      case 'ERR_HVSOCK_PERMISSION':
        return finding('machines.forbidden', { problem: machines.message });
      default:
        return finding('machines.untold', { problem: machines.message });
    }
  }
  if (machines.length === 0) return finding('machines.none');
  const runs = machines.some(({ state }) => state === 'running');
  return finding(runs ? 'machines.running' : 'machines.off', { machines: machines.map(nameOfMachine).join(', ') });
}

const nameOfMachine = ({ name, state }: VirtualMachine) => `${name} (${state})`;

/** What Windows answers, or why it does not. */
async function answerOf<T>(answer: Promise<T>): Promise<T | HvsockError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof HvsockError) return error;
    throw error;
  }
}
