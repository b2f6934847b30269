// A guest of the emulated hypervisor as its monitor has it: shown on the host as unix sockets.
import { once } from 'node:events';
import net from 'node:net';
import { HybridAddress } from '../address/hybrid.ts';
import { connectAsync } from '../connect.ts';
import { open } from '../transports/hybrid-listener.ts';
import type { Exposures, Partition } from '../transports/partition.ts';
import { checkFaults, type Faults } from './faults.ts';
import { Gate } from './gate.ts';
import { readLine } from './read-line.ts';

/** The first port that a monitor assigns on the host's side. */
const FIRST_HOST_PORT = 2 ** 30;
/** Longer than any request of a client: `CONNECT 4294967295\n` has 19 bytes. */
const LONGEST_REQUEST = 32;

interface Request {
  readonly port: number;
  readonly answer: string;
}

/** What a client of each monitor asks for in its first line; undefined for anything else. */
const readers: Readonly<Record<keyof Exposures, (line: string, hostPort: number, cid: number) => Request | undefined>> =
  {
    firecracker(line, hostPort) {
      const [, digits] = /^CONNECT (\d{1,10})\n$/i.exec(line) ?? [];
      return digits === undefined ? undefined : { port: Number(digits), answer: `OK ${hostPort}\n` };
    },
    hyperkit(line, _hostPort, cid) {
      const [, target, port] = /^([0-9a-f]{8})\.([0-9a-f]{8})\n$/i.exec(line) ?? [];
      if (target === undefined || Number.parseInt(target, 16) !== cid) return undefined;
      return { port: Number.parseInt(port as string, 16), answer: '' };
    },
  };

export class Guest {
  /** The machine, to connect from and to listen on. */
  readonly partition: Partition;
  readonly #host: Partition;
  readonly #servers = new Set<net.Server>();
  readonly #sockets = new Set<net.Socket>();
  #hostPort = FIRST_HOST_PORT;
  #gate: Promise<Gate> | undefined;

  /** @internal Guests come from `Emulator`. */
  constructor(partition: Partition, host: Partition) {
    this.partition = partition;
    this.#host = host;
  }

  /**
   * Shows the guest as a monitor does: a Firecracker socket at a path, a HyperKit directory. Programs of the host reach
   * the guest's ports there; and the guest's connections to a port of the host go to who listens on that path. As with
   * Firecracker itself, the end of one direction ends both; HyperKit keeps half close. A socket that is there already is
   * replaced if nobody answers on it.
   */
  async expose(exposures: Exposures): Promise<void> {
    for (const dialect of ['firecracker', 'hyperkit'] as const) {
      const path = exposures[dialect];
      if (path === undefined) continue;
      const address = new HybridAddress({ dialect, path, port: 0 });
      const server = net.createServer({ allowHalfOpen: true }, (client) => this.#onClient(client, dialect));
      await Promise.all([
        open(server, { path: address.connectPath, address }, { backlog: 511 }),
        once(server, 'listening'),
      ]);
      this.#servers.add(server);
    }
    this.partition.exposures = { ...this.partition.exposures, ...exposures };
  }

  /**
   * Has these faults happen to the guest's connections with other machines that begin from now on, whichever process has
   * them. They pass through this one then, so it must live on. Connections within the guest have no faults.
   */
  async setFaults(faults: Faults): Promise<void> {
    checkFaults(faults);
    (await this.#openGate()).faults = faults;
  }

  /**
   * Stops the machine: its connections stall, and connects are not answered. Only connections that began after the first
   * call of this, of `setFaults` or of `reset` are reached; `setFaults({})` prepares for it.
   */
  async suspend(): Promise<void> {
    (await this.#openGate()).suspend();
  }

  /** Lets a suspended machine go on; what has waited arrives. */
  async resume(): Promise<void> {
    (await this.#openGate()).resume();
  }

  /**
   * Ends the guest's connections with other machines at once, as when a snapshot is resumed. Programs see ECONNRESET, or
   * an early end where the emulator cannot make one: on unix sockets, for who has no unread bytes on the way.
   */
  async reset(): Promise<void> {
    (await this.#openGate()).reset();
  }

  /** Gives the machine another CID: its connections are reset, and its listeners are reached under the new one. */
  async changeCid(cid: number): Promise<void> {
    await this.reset();
    this.partition.cid = cid;
  }

  async #openGate(): Promise<Gate> {
    this.#gate ??= Gate.open(this.partition);
    return this.#gate;
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #onClient(client: net.Socket, dialect: keyof Exposures): void {
    this.#keep(client);
    client.on('error', () => {});
    readLine(client, LONGEST_REQUEST, (line) => {
      const request = line && readers[dialect](line, this.#hostPort, this.partition.cid);
      if (request) this.#connect(client, request, dialect === 'hyperkit').catch(() => client.destroy());
      else client.destroy();
    });
  }

  async #connect(client: net.Socket, { port, answer }: Request, halfClose: boolean): Promise<void> {
    this.#hostPort++;
    const inside = await connectAsync(
      { cid: this.partition.cid, port },
      { partition: this.#host, allowHalfOpen: true },
    );
    if (client.destroyed) {
      inside.destroy();
      return;
    }
    this.#keep(inside);
    inside.on('error', () => client.destroy());
    inside.once('close', () => client.destroySoon());
    client.once('close', () => inside.destroySoon());
    if (answer !== '') client.write(answer);
    client.pipe(inside);
    inside.pipe(client);
    if (halfClose) return;
    client.once('end', () => inside.destroySoon());
    inside.once('end', () => client.destroySoon());
  }

  /** Ends what this object has open; who listens in the guest goes on. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const servers = [...this.#servers];
    this.#servers.clear();
    if (servers.length > 0) this.partition.exposures = {};
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    const gate = await this.#gate;
    this.#gate = undefined;
    await gate?.close();
  }
}
