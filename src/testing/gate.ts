// Where the connections of an emulated guest with other machines pass, while somebody wants faults in them.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import net from 'node:net';
import { VsockAddress } from '../address/vsock.ts';
import { answerHello, meetHello } from '../transports/emulated.ts';
import { type Hello, writeHello } from '../transports/emulated-hello.ts';
import { type Route, routeThrough } from '../transports/emulated-routes.ts';
import { open } from '../transports/hybrid-listener.ts';
import { GATE, type Partition } from '../transports/partition.ts';
import { checkFaults, type Faults, randomFrom } from './faults.ts';
import { type FaultyRelay, relayWithFaults } from './faulty-relay.ts';
import { readLine } from './read-line.ts';

/** Connections that may wait to pass. */
const BACKLOG = 511;
/** `OK 4294967295\n` and some. */
const LONGEST_ANSWER = 32;

export class Gate {
  readonly #guest: Partition;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #relays = new Set<FaultyRelay>();
  #faults: Faults = {};
  #random = randomFrom(0);
  /** Connections that wait for the machine to be resumed. */
  #waiting: (() => void)[] | undefined;

  private constructor(guest: Partition) {
    this.#guest = guest;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#keep(client);
      meetHello(guest, client, (hello) => this.#onHello(client, hello));
    });
  }

  static async open(guest: Partition): Promise<Gate> {
    const gate = new Gate(guest);
    const place = {
      path: guest.hypervisor.fileOf(guest.cid, GATE),
      address: new VsockAddress({ cid: guest.cid, port: 0 }),
      onLoopback: guest.hypervisor.medium === 'loopback',
    };
    await Promise.all([open(gate.#server, place, { backlog: BACKLOG }), once(gate.#server, 'listening')]);
    return gate;
  }

  /** Faults of the connections that begin from now on. */
  set faults(faults: Faults) {
    checkFaults(faults);
    this.#faults = faults;
    this.#random = randomFrom(faults.seed ?? 0);
  }

  suspend(): void {
    this.#waiting ??= [];
    for (const relay of this.#relays) relay.suspend();
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const relay of this.#relays) relay.resume();
    for (const go of waiting) go();
  }

  reset(): void {
    for (const relay of this.#relays) relay.reset();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    // Under the name that the machine has by now.
    rmSync(this.#guest.hypervisor.fileOf(this.#guest.cid, GATE), { force: true });
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #onHello(client: net.Socket, hello: Hello): void {
    const { refuse = 0, delay = 0 } = this.#faults;
    if (this.#random() < Number(refuse)) {
      client.destroy();
      return;
    }
    // Who waits for an answer sends nothing; an end means that he waits no more.
    client.once('end', abandon).resume();
    const go = () => {
      if (client.destroyed) return;
      if (this.#waiting === undefined) this.#connect(client, hello);
      else this.#waiting.push(go);
    };
    if (delay > 0) setTimeout(go, delay);
    else go();
  }

  #connect(client: net.Socket, hello: Hello): void {
    let route: Route;
    try {
      const target = new VsockAddress({ cid: hello.targetCid, port: 0 });
      route = routeThrough(this.#guest, hello, target);
    } catch {
      client.destroy();
      return;
    }
    const inside = net.connect({ ...route.to, allowHalfOpen: true });
    this.#keep(inside);
    const refuse = () => client.destroy();
    const giveUp = () => inside.destroy();
    inside.once('close', refuse);
    client.once('close', giveUp);
    const pass = () => {
      inside.off('close', refuse);
      client.off('close', giveUp).off('end', abandon);
      if (client.destroyed) {
        inside.destroy();
        return;
      }
      answerHello(client, hello);
      this.#relay(client, inside);
    };
    inside.once('connect', () => {
      if (route.hello !== undefined) inside.write(writeHello(route.hello));
      if (route.answered) readLine(inside, LONGEST_ANSWER, (line) => line !== undefined && pass());
      else pass();
    });
  }

  #relay(client: net.Socket, inside: net.Socket): void {
    const relay = relayWithFaults(client, inside, this.#faults, this.#random, () => this.#relays.delete(relay));
    this.#relays.add(relay);
    if (this.#waiting !== undefined) relay.suspend();
  }
}

function abandon(this: net.Socket): void {
  this.destroy();
}
