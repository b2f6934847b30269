// What is measured, and against which targets. The counts make a round of one third of a second or so.
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './address.ts';
import type { Contender, Measure } from './measure.ts';

export const KIB = 1024;
export const MIB: number = 1024 * KIB;
/** One read's bytes everywhere, and one write's unless the measure says otherwise: what libuv reads at once. */
const SIZE = 64 * KIB;

const peerProgram = fileURLToPath(new URL('../../bench/peer', import.meta.url));
const contenderScript = fileURLToPath(new URL('contender.js', import.meta.url));

/** `hand` is net with Firecracker's handshake written by hand. */
type Layer = 'net' | 'hand' | 'hvsock';

/** A role of peer.c, as the common other end or as a contender. */
export function inC(role: string, count = 1, size = SIZE): (address: string) => string[] {
  return (address: string) => [peerProgram, address, role, String(count), String(size)];
}

function inNode(layer: Layer, workload: string, count = 1, size = SIZE) {
  return (address: string) => [
    process.execPath,
    '--expose-gc',
    contenderScript,
    layer,
    workload,
    address,
    String(count),
    String(size),
  ];
}

// --- hvsock and C, over vsock ---

interface Effort {
  readonly pairs: number;
  readonly rounds: number;
  readonly warmups: number;
}

/** The same role in C and, by `workload`, in JavaScript. */
function againstC(
  role: string,
  workload: string,
  count: number,
  size = SIZE,
): { reference: Contender; subject: Contender; count: number } {
  return {
    reference: { name: 'C', runner: inC(role, count, size) },
    subject: { name: 'hvsock', runner: inNode('hvsock', workload, count, size) },
    count,
  };
}

export function vsockMeasures(quick: boolean): Measure[] {
  const effort: Effort = quick ? { pairs: 1, rounds: 1, warmups: 0 } : { pairs: 2, rounds: 5, warmups: 2 };
  const part = 'vsock, User-Mode Linux';
  const bytes = quick ? 16 * MIB : 256 * MIB;
  const trips = quick ? 200 : 4000;
  const connections = quick ? 50 : 1000;
  const common = { part, family: 'vsock', ...effort } as const;
  const source = inC('source', bytes);
  return [
    {
      ...common,
      name: 'receive, onread, 64 KiB',
      unit: 'MB/s',
      peer: source,
      ...againstC('receive', 'receive', bytes),
      atLeast: 0.8,
    },
    {
      ...common,
      name: 'receive, onread, 256 KiB',
      unit: 'MB/s',
      peer: source,
      ...againstC('receive', 'receive', bytes, 256 * KIB),
      atLeast: 0.8,
    },
    { ...common, name: "receive, 'data'", unit: 'MB/s', peer: source, ...againstC('receive', 'receive-data', bytes) },
    {
      ...common,
      name: 'send, 64 KiB writes',
      unit: 'MB/s',
      peer: inC('sink'),
      ...againstC('send', 'send', bytes),
      atLeast: 0.7,
    },
    {
      ...common,
      name: 'send, 256 KiB writes',
      unit: 'MB/s',
      peer: inC('sink'),
      ...againstC('send', 'send', bytes, 256 * KIB),
      atLeast: 0.7,
    },
    {
      ...common,
      name: 'ping-pong, onread',
      unit: 'µs',
      peer: inC('echo'),
      ...againstC('pingpong', 'pingpong', trips),
      atMost: 2,
    },
    {
      ...common,
      name: "ping-pong, 'data'",
      unit: 'µs',
      peer: inC('echo'),
      ...againstC('pingpong', 'pingpong-data', trips),
    },
    {
      ...common,
      name: 'connect + close',
      unit: '/s',
      peer: inC('accept'),
      ...againstC('connect', 'connect', connections),
      atLeast: 0.5,
    },
    {
      ...common,
      name: 'accept + close',
      unit: '/s',
      reference: { name: 'C', server: inC('accept'), runner: inC('connect', connections) },
      subject: { name: 'hvsock', server: inNode('hvsock', 'accept'), runner: inC('connect', connections) },
      count: connections,
    },
  ];
}

/** What node:net itself reaches of C, over unix sockets in the same kernel: a `Socket` is one, so this is its limit. */
export function ceilingMeasures(quick: boolean): Measure[] {
  const effort: Effort = quick ? { pairs: 1, rounds: 1, warmups: 0 } : { pairs: 1, rounds: 5, warmups: 2 };
  const bytes = quick ? 16 * MIB : 256 * MIB;
  const trips = quick ? 200 : 4000;
  const connections = quick ? 50 : 1000;
  const common = { part: 'net against C, unix, User-Mode Linux', family: 'unix', ...effort } as const;
  const rivals = (role: string, count: number, size = SIZE) => ({
    reference: { name: 'C', runner: inC(role, count, size) },
    subject: { name: 'net', runner: inNode('net', role, count, size) },
    count,
  });
  return [
    {
      ...common,
      name: 'receive, onread, 64 KiB',
      unit: 'MB/s',
      peer: inC('source', bytes),
      ...rivals('receive', bytes),
    },
    { ...common, name: 'send, 64 KiB writes', unit: 'MB/s', peer: inC('sink'), ...rivals('send', bytes) },
    {
      ...common,
      name: 'send, 256 KiB writes',
      unit: 'MB/s',
      peer: inC('sink'),
      ...rivals('send', bytes, 256 * KIB),
    },
    { ...common, name: 'ping-pong, onread', unit: 'µs', peer: inC('echo'), ...rivals('pingpong', trips) },
    { ...common, name: 'connect + close', unit: '/s', peer: inC('accept'), ...rivals('connect', connections) },
  ];
}

// --- hvsock and node:net, over unix sockets ---

function againstNet(
  workload: string,
  count: number,
  size = SIZE,
): { reference: Contender; subject: Contender; count: number } {
  return {
    reference: { name: 'net', runner: inNode('net', workload, count, size) },
    subject: { name: 'hvsock', runner: inNode('hvsock', workload, count, size) },
    count,
  };
}

export function unixMeasures(quick: boolean): Measure[] {
  // Many short rounds and many processes: the layer's cost is looked for below the noise of a machine that has others.
  const effort: Effort = quick ? { pairs: 1, rounds: 2, warmups: 1 } : { pairs: 12, rounds: 6, warmups: 2 };
  const part = 'unix, this machine';
  const bytes = quick ? 16 * MIB : 384 * MIB;
  const trips = quick ? 200 : 6000;
  const connections = quick ? 100 : 2000;
  const common = { part, family: 'unix', ...effort } as const;
  const throughput = { ...common, unit: 'MB/s', atLeast: 0.97 } as const;
  return [
    { ...throughput, name: 'receive, onread, 64 KiB', peer: inC('source', bytes), ...againstNet('receive', bytes) },
    { ...throughput, name: "receive, 'data'", peer: inC('source', bytes), ...againstNet('receive-data', bytes) },
    { ...throughput, name: 'send, 64 KiB writes', peer: inC('sink'), ...againstNet('send', bytes) },
    { ...throughput, name: 'send, 256 KiB writes', peer: inC('sink'), ...againstNet('send', bytes, 256 * KIB) },
    {
      ...common,
      name: 'ping-pong, onread',
      unit: 'µs',
      peer: inC('echo'),
      ...againstNet('pingpong', trips),
      atMost: 1.03,
    },
    {
      ...common,
      name: 'connect + close',
      unit: '/s',
      peer: inC('accept'),
      ...againstNet('connect', connections),
      atLeast: 0.97,
    },
  ];
}

// --- hvsock behind a handshake, and node:net without ---

/** Each has a C program of its own as the other end, which is the same but for the handshake. */
export function handshakeMeasures(quick: boolean): Measure[] {
  const effort: Effort = quick ? { pairs: 1, rounds: 2, warmups: 1 } : { pairs: 6, rounds: 6, warmups: 2 };
  const bytes = quick ? 16 * MIB : 384 * MIB;
  const connections = quick ? 100 : 2000;
  const common = { part: 'Firecracker’s handshake, this machine', family: 'unix', ...effort } as const;
  const rivals = (role: string, workload: string, count: number) => ({
    reference: { name: 'net', server: inC(role, bytes), runner: inNode('net', workload, count) },
    subject: {
      name: 'hvsock',
      family: 'firecracker' as const,
      server: inC(role, bytes),
      runner: inNode('hvsock', workload, count),
    },
    count,
  });
  const throughput = { ...common, unit: 'MB/s', atLeast: 0.97 } as const;
  return [
    { ...throughput, name: 'receive, onread, 64 KiB', ...rivals('source', 'receive', bytes) },
    { ...throughput, name: 'send, 64 KiB writes', ...rivals('sink', 'send', bytes) },
    { ...common, name: 'connect + close, and net with none', unit: '/s', ...rivals('accept', 'connect', connections) },
    {
      ...common,
      name: 'connect + close, both with it',
      unit: '/s',
      family: 'firecracker',
      peer: inC('accept'),
      reference: { name: 'net by hand', runner: inNode('hand', 'connect', connections) },
      subject: { name: 'hvsock', runner: inNode('hvsock', 'connect', connections) },
      count: connections,
      atLeast: 0.6,
    },
  ];
}

/** The emulated hypervisor. A round with a lost connection, or a lost byte, fails. */
export function emulatorMeasures(quick: boolean): Measure[] {
  const count = quick ? 500 : 5000;
  const emulated = (command: (address: string) => readonly string[]) => (address: string) => [
    'env',
    `HVSOCK_EMULATOR=${temporaryFolder()}/machines`,
    ...command(address),
  ];
  return [
    {
      part: 'emulated vsock, this machine',
      name: `${count.toLocaleString('en')} connections at once, echoed`,
      unit: '/s',
      family: 'unix',
      reference: { name: 'net', server: inNode('net', 'echo'), runner: inNode('net', 'crowd', count) },
      subject: {
        name: 'hvsock',
        family: 'emulated',
        server: emulated(inNode('hvsock', 'echo')),
        runner: emulated(inNode('hvsock', 'crowd', count)),
      },
      count,
      pairs: quick ? 1 : 2,
      rounds: quick ? 1 : 3,
      warmups: quick ? 0 : 1,
    },
  ];
}

// --- memory ---

/** Connections of both families in one kernel, each in a process of its own. */
export function memoryMeasures(quick: boolean): Measure[] {
  const count = quick ? 500 : 10_000;
  return [
    {
      part: 'memory, User-Mode Linux',
      name: `each of ${count.toLocaleString('en')} idle connections`,
      unit: 'B',
      family: 'vsock',
      reference: { name: 'net', family: 'unix', server: inC('hold'), runner: inNode('net', 'idle', count) },
      subject: { name: 'hvsock', server: inC('hold'), runner: inNode('hvsock', 'idle', count) },
      count,
      // A process's memory grows once: one round in each.
      pairs: quick ? 1 : 5,
      rounds: 1,
      warmups: 0,
      atMost: 1.3,
    },
  ];
}
