// The emulated hypervisor, on disk: a directory for each machine, named by its CID, and in it a file for each port that
// somebody listens on. Nothing runs: who connects goes to that file's socket, and the kernel does the rest.
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { HV_GUID_PARENT } from '../address/hyperv.ts';
import { VMADDR_CID_HOST } from '../address/vsock.ts';
import { HvsockError, invalidArgument } from '../errors.ts';

/**
 * What connections are made of. `unix`: unix sockets. `loopback`: TCP on 127.0.0.1, guarded by a secret that lies in the
 * directory; for Windows, whose named pipes have no half close, and for directories whose paths are too long for sockets.
 */
export type Medium = 'unix' | 'loopback';

const media: readonly Medium[] = ['unix', 'loopback'];

/** The file that makes a directory a hypervisor. */
const SETTINGS = 'hypervisor.json';
/** The file that holds a machine's GUID. */
const VM_ID = 'vm-id';
/** Bytes of a unix socket's path on Linux; the service GUID is the longest name. */
const LONGEST_PATH = 107;
const LONGEST_NAME = '/4294967295/00000000-facb-11e6-bd58-64006a7986d3'.length;

interface Settings {
  readonly medium: Medium;
  readonly token: string;
}

export class Hypervisor {
  readonly directory: string;
  readonly medium: Medium;
  /** The secret of who may connect: 32 hexadecimal digits. */
  readonly token: string;

  /** Opens the one in this directory, or makes one; `medium` is for a new one. Default: unix, loopback on Windows. */
  constructor(directory: string, medium?: Medium) {
    if (medium !== undefined && !media.includes(medium)) throw invalidArgument('medium', medium, media.join(' or '));
    this.directory = resolve(directory);
    this.#make();
    const settings = this.#settings(medium ?? (process.platform === 'win32' ? 'loopback' : 'unix'));
    if (medium !== undefined && settings.medium !== medium) {
      throw invalidArgument('medium', medium, `${settings.medium}, which ${directory} was made with`);
    }
    this.medium = settings.medium;
    this.token = settings.token;
  }

  #make(): void {
    try {
      mkdirSync(this.directory, { recursive: true });
    } catch (cause) {
      const { code = 'EIO', message } = cause as NodeJS.ErrnoException;
      throw new HvsockError(`${this.directory}: no directory for an emulated hypervisor, ${message}; choose another`, {
        code,
        kind: code === 'EACCES' || code === 'EPERM' ? 'permission' : 'invalid',
        cause,
      });
    }
  }

  #settings(medium: Medium): Settings {
    const path = join(this.directory, SETTINGS);
    if (!existsSync(path)) {
      if (medium === 'unix' && Buffer.byteLength(this.directory) + LONGEST_NAME > LONGEST_PATH) {
        throw new HvsockError(
          `${this.directory}: too long for unix sockets in it; choose a directory of at most ` +
            `${LONGEST_PATH - LONGEST_NAME} bytes, or the medium loopback`,
          { code: 'ENAMETOOLONG', kind: 'invalid' },
        );
      }
      // Whole before it has its name: other processes may make it at the same time, and the first one counts.
      const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
      const settings: Settings = { medium, token: randomBytes(16).toString('hex') };
      writeFileSync(draft, `${JSON.stringify(settings)}\n`, { mode: medium === 'loopback' ? 0o600 : 0o666 });
      try {
        linkSync(draft, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      } finally {
        unlinkSync(draft);
      }
    }
    return JSON.parse(readFileSync(path, 'utf8')) as Settings;
  }

  /** Starts a machine, unless it runs. `vmId` is what it gets as GUID. */
  start(cid: number, vmId?: string): void {
    mkdirSync(this.fileOf(cid), { recursive: true });
    const path = this.fileOf(cid, VM_ID);
    if (vmId !== undefined || !existsSync(path)) writeFileSync(path, vmId ?? defaultVmId(cid));
  }

  /** Whether a machine with this CID runs. */
  runs(cid: number): boolean {
    return existsSync(this.fileOf(cid));
  }

  /** A file of a machine's: the socket of a service, for one. */
  fileOf(cid: number, name = ''): string {
    return join(this.directory, `${cid}`, name);
  }

  has(cid: number, name: string): boolean {
    return lstatSync(this.fileOf(cid, name), { throwIfNoEntry: false }) !== undefined;
  }

  /** The GUID of a machine, as its neighbours see it: the host is the parent. */
  vmIdOf(cid: number): string {
    return cid === VMADDR_CID_HOST ? HV_GUID_PARENT : readFileSync(this.fileOf(cid, VM_ID), 'utf8');
  }

  /** The CID of the guest with this GUID; undefined where there is none. */
  cidOf(vmId: string): number | undefined {
    return readdirSync(this.directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((cid) => cid !== VMADDR_CID_HOST && this.vmIdOf(cid) === vmId);
  }
}

function defaultVmId(cid: number): string {
  return `${cid.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}
