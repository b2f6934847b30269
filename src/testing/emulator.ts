// A hypervisor of one's own for tests: a directory, its host, and guests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VMADDR_CID_HOST } from '../address/vsock.ts';
import { invalidArgument } from '../errors.ts';
import { Hypervisor, type Medium } from '../transports/hypervisor.ts';
import { Partition } from '../transports/partition.ts';
import { Guest } from './guest.ts';

export interface EmulatorOptions {
  /** What connections are made of, for a new directory. Default: unix sockets, on Windows the loopback. */
  readonly medium?: Medium | undefined;
}

export interface GuestOptions {
  /** The machine's GUID, for Hyper-V addresses. Default: one that follows from its CID. */
  readonly vmId?: string | undefined;
}

export class Emulator {
  /** The host, CID 2. */
  readonly host: Partition;
  readonly #hypervisor: Hypervisor;
  readonly #isTemporary: boolean;
  readonly #guests = new Set<Guest>();

  private constructor(hypervisor: Hypervisor, isTemporary: boolean) {
    this.#hypervisor = hypervisor;
    this.#isTemporary = isTemporary;
    this.host = new Partition(hypervisor, VMADDR_CID_HOST);
  }

  /**
   * Opens the one in this directory, which is made where it is not there; without a directory, a temporary one.
   * @throws HvsockError for a path that is too long for sockets in it, or a medium other than the directory's
   */
  static async create(directory?: string, { medium }: EmulatorOptions = {}): Promise<Emulator> {
    const path = directory ?? mkdtempSync(join(tmpdir(), 'hvsock-'));
    return new Emulator(new Hypervisor(path, medium), directory === undefined);
  }

  /** What HVSOCK_EMULATOR is to be in other processes. */
  get directory(): string {
    return this.#hypervisor.directory;
  }

  /** A guest, which is started if it does not run. */
  guest(cid: number, { vmId }: GuestOptions = {}): Guest {
    if (cid === VMADDR_CID_HOST) throw invalidArgument('cid', cid, 'a CID from 3; 2 is the host');
    const guest = new Guest(new Partition(this.#hypervisor, cid, vmId), this.host);
    this.#guests.add(guest);
    return guest;
  }

  /** Ends what the guests of this object have open, and removes the directory if it is a temporary one. */
  async close(): Promise<void> {
    await Promise.all([...this.#guests].map((guest) => guest.close()));
    if (this.#isTemporary) rmSync(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
