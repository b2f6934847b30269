// One machine of an emulated hypervisor: its host, CID 2, or a guest.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readGuid } from '../address/guid.ts';
import { HybridAddress } from '../address/hybrid.ts';
import { VMADDR_CID_HOST } from '../address/vsock.ts';
import { invalidArgument } from '../errors.ts';
import { Hypervisor } from './hypervisor.ts';

/** How a monitor shows a machine on its host. */
export interface Exposures {
  /** The path of Firecracker's socket. */
  readonly firecracker?: string | undefined;
  /** HyperKit's directory. */
  readonly hyperkit?: string | undefined;
}

const EXPOSURES = 'exposures.json';

/** The socket by which the connections of a guest with other machines go, if there is one: where faults are made. */
export const GATE = 'gate';

export class Partition {
  /** @internal */
  readonly hypervisor: Hypervisor;
  /** The machine's GUID. */
  readonly vmId: string;
  #cid: number;

  /**
   * Starts the machine, if it is not there yet. `vmId` is a new guest's GUID; one that follows from its CID unless given.
   * @internal Machines come from `Emulator`, and from the environment.
   */
  constructor(hypervisor: Hypervisor, cid: number, vmId?: string) {
    checkCid(cid, VMADDR_CID_HOST);
    const id = vmId === undefined ? undefined : readGuid(vmId);
    if (vmId !== undefined && id === undefined) throw invalidArgument('vmId', vmId, 'a GUID');
    hypervisor.start(cid, id);
    this.hypervisor = hypervisor;
    this.#cid = cid;
    this.vmId = hypervisor.vmIdOf(cid);
  }

  /** The directory of the hypervisor. */
  get directory(): string {
    return this.hypervisor.directory;
  }

  /** The CID that the machine has now: a guest's can be changed under its programs, as when a snapshot is resumed. */
  get cid(): number {
    if (!this.hypervisor.runs(this.#cid)) this.#cid = this.hypervisor.cidOf(this.vmId) ?? this.#cid;
    return this.#cid;
  }

  /** Gives the machine another CID. Its listeners keep listening. */
  set cid(cid: number) {
    checkCid(cid, VMADDR_CID_HOST + 1);
    if (this.hypervisor.runs(cid)) throw invalidArgument('cid', cid, 'a CID that no machine has');
    renameSync(this.hypervisor.fileOf(this.cid), this.hypervisor.fileOf(cid));
    this.#cid = cid;
  }

  get isHost(): boolean {
    return this.#cid === VMADDR_CID_HOST;
  }

  /** Whether somebody listens on the service, or did and crashed. */
  serves(service: string): boolean {
    return this.hypervisor.has(this.cid, service);
  }

  /** The socket on the host that a monitor would connect to for this guest; undefined where no monitor does. */
  exposedPath(service: string): string | undefined {
    const port = Number(service);
    if (!Number.isInteger(port)) return undefined;
    return (Object.entries(this.exposures) as [keyof Exposures, string][])
      .map(([dialect, path]) => new HybridAddress({ dialect, path, port }).listenPath)
      .find((path) => existsSync(path));
  }

  get exposures(): Exposures {
    const path = this.hypervisor.fileOf(this.cid, EXPOSURES);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Exposures) : {};
  }

  set exposures(exposures: Exposures) {
    writeFileSync(this.hypervisor.fileOf(this.cid, EXPOSURES), JSON.stringify(exposures));
  }
}

function checkCid(cid: number, least: number): void {
  if (Number.isInteger(cid) && cid >= least && cid < 0xffff_ffff) return;
  throw invalidArgument(
    'cid',
    cid,
    `a CID from ${least} to 4294967294${least > VMADDR_CID_HOST ? '; 2 is the host' : ''}`,
  );
}

const partitions = new Map<string, Partition>();

/** The machine that this process is, by its environment; undefined outside of an emulated hypervisor. */
export function environmentPartition(): Partition | undefined {
  const { HVSOCK_EMULATOR: directory, HVSOCK_EMULATOR_CID: cid = `${VMADDR_CID_HOST}` } = process.env;
  if (directory === undefined || directory === '') return undefined;
  const key = `${cid} ${directory}`;
  let partition = partitions.get(key);
  if (partition === undefined) {
    if (!/^\d+$/.test(cid)) throw invalidArgument('HVSOCK_EMULATOR_CID', cid, 'a CID from 2, the host, to 4294967294');
    partition = new Partition(new Hypervisor(directory), Number(cid));
    partitions.set(key, partition);
  }
  return partition;
}
