// Relays between vsock and unix sockets, all with the same C programs at both ends: ours against one in C, and against what
// people use.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Contender, Measure, RelayCommand } from './measure.ts';
import { inC, KIB, MIB } from './measures.ts';

/** Every relay's buffer that can be chosen. */
const BUFFER = 256 * KIB;

const built = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const source = (path: string) => fileURLToPath(new URL(`../../../bench/${path}`, import.meta.url));

const inThreads: RelayCommand = (address, target) => [
  process.execPath,
  fileURLToPath(new URL('relay.js', import.meta.url)),
  'threads',
  address,
  target,
  String(BUFFER),
];

const rivals: Readonly<Record<string, { readonly needs: string; readonly relay: RelayCommand }>> = {
  C: { needs: built('relay'), relay: (...ends) => [built('relay'), ...ends, String(BUFFER)] },
  'C, splice': { needs: built('relay'), relay: (...ends) => [built('relay'), ...ends, String(BUFFER), 'splice'] },
  socat: {
    needs: '/usr/bin/socat',
    relay: (address, target) => {
      const path = address.replace('unix://', '');
      const [, cid, port] = /(\d+):(\d+)$/.exec(target) ?? [];
      // It does not tell that it listens.
      const wait = `while ! [ -S ${path} ]; do sleep 0.05; done; echo ready`;
      const socat = `socat -b ${BUFFER} UNIX-LISTEN:${path},fork,backlog=4096 VSOCK-CONNECT:${cid}:${port}`;
      return ['/bin/sh', '-c', `(${wait}) & exec ${socat}`];
    },
  },
  python: {
    needs: '/usr/bin/python3',
    relay: (...ends) => ['/usr/bin/python3', source('rivals/relay.py'), ...ends, String(BUFFER)],
  },
  Go: { needs: built('relay-go'), relay: (...ends) => [built('relay-go'), ...ends] },
  'hvsock, streams': {
    needs: process.execPath,
    relay: (...ends) => inThreads(...ends).map((word) => (word === 'threads' ? 'streams' : word)),
  },
};

/** The least ratio to each rival. Splicing informs: what it would bring, and why it is not done, is in docs/performance.md. */
const targets: Readonly<Record<string, { readonly atLeast: number }>> = {
  C: { atLeast: 0.9 },
  socat: { atLeast: 1 },
  python: { atLeast: 1 },
  Go: { atLeast: 1 },
  'hvsock, streams': { atLeast: 1 },
};

/** Those whose rival is here; scripts/bench.js tells what is missing. */
export function relayMeasures(quick: boolean): Measure[] {
  const bytes = quick ? 16 * MIB : 1024 * MIB;
  const ways = {
    'vsock to unix': { peer: inC('source', bytes, BUFFER), runner: inC('receive', bytes, BUFFER) },
    'unix to vsock': { peer: inC('sink', 1, BUFFER), runner: inC('send', bytes, BUFFER) },
  };
  return Object.entries(ways).flatMap(([way, { peer, runner }]) =>
    Object.entries(rivals).flatMap(([name, { needs, relay }]) => {
      if (!existsSync(needs)) return [];
      const contender = (name: string, relay: RelayCommand): Contender => ({ name, runner, relay });
      return {
        part: 'relay of 1 GiB, User-Mode Linux',
        name: `${way}, against ${name}`,
        unit: 'MB/s' as const,
        family: 'vsock' as const,
        peer,
        reference: contender(name, relay),
        subject: contender('hvsock', inThreads),
        count: bytes,
        pairs: 1,
        rounds: quick ? 1 : 4,
        warmups: quick ? 0 : 1,
        ...targets[name],
      };
    }),
  );
}
