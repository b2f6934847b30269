// One line of the table: two contenders do the same work, round by round in turn, against the same other end.
import { type Family, newAddress } from './address.ts';
import { Program } from './program.ts';
import { median, quantile } from './statistics.ts';

type Command = (address: string) => readonly string[];

/** What listens on an address and carries what comes to a target. */
export type RelayCommand = (address: string, target: string) => readonly string[];

/** Who does the work. */
export interface Contender {
  readonly name: string;
  /** Runs the rounds. */
  readonly runner: Command;
  /** Its own other end, where there is no common one, and the family of that. Default: the measure's. */
  readonly server?: Command;
  readonly family?: Family;
  /** What stands between its runner, which gets a unix address, and the common other end; its processor time is told. */
  readonly relay?: RelayCommand;
}

export interface Measure {
  readonly part: string;
  readonly name: string;
  readonly unit: 'MB/s' | 'µs' | '/s' | 'B';
  readonly family: Family;
  /** The other end, common to both. */
  readonly peer?: Command;
  readonly reference: Contender;
  readonly subject: Contender;
  /** Bytes or repetitions in one round. */
  readonly count: number;
  /** Pairs of fresh processes, and the rounds that each pair is measured in, after `warmups` that are not counted. */
  readonly pairs: number;
  readonly rounds: number;
  readonly warmups: number;
  /** What the ratio must be at least, or at most; without either, the line only informs. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** How one contender did. */
export interface Performance {
  readonly name: string;
  readonly median: number;
  readonly rounds: readonly number[];
  /** Of its relay, in seconds for each GiB. */
  readonly processor?: number;
}

/** What came of a measure: medians, and the ratios of the rounds with their quartiles. */
export interface Result {
  readonly part: string;
  readonly name: string;
  readonly unit: Measure['unit'];
  readonly reference: Performance;
  readonly subject: Performance;
  /** The median of the rounds' ratios, subject to reference. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  readonly target?: string;
  readonly met?: boolean;
}

/** A round's result in the measure's unit. */
function inUnit({ unit, count }: Measure, result: number): number {
  switch (unit) {
    case 'MB/s':
      return count / result / 1e6;
    case 'µs':
      return (result / count) * 1e6;
    case '/s':
      return count / result;
    case 'B':
      return result;
  }
}

interface Running {
  readonly program: Program;
  readonly relay?: Program;
}

/** What is kept of one contender's rounds. */
interface Tally {
  readonly rounds: number[];
  processor: number;
}

/** Runs the measure. Rejects if one of its programs fails; then none of them is left running. */
export async function runMeasure(measure: Measure): Promise<Result> {
  const tallies: readonly [Tally, Tally] = [
    { rounds: [], processor: 0 },
    { rounds: [], processor: 0 },
  ];
  for (let pair = 0; pair < measure.pairs; pair++) {
    const programs: Program[] = [];
    const start = async (command: readonly string[]) => {
      const program = await Program.start(command);
      programs.push(program);
      return program;
    };
    const startContender = async (contender: Contender, commonAddress: string): Promise<Running> => {
      const { runner, server, relay, family = measure.family } = contender;
      if (relay !== undefined) {
        const address = newAddress('unix');
        const between = await start(relay(address, commonAddress));
        return { program: await start(runner(address)), relay: between };
      }
      const address = server === undefined ? commonAddress : newAddress(family);
      if (server !== undefined) await start(server(address));
      return { program: await start(runner(address)) };
    };
    try {
      const address = newAddress(measure.family);
      if (measure.peer !== undefined) await start(measure.peer(address));
      const running = [
        await startContender(measure.reference, address),
        await startContender(measure.subject, address),
      ] as const;
      for (let round = -measure.warmups; round < measure.rounds; round++) {
        // A B, B A, A B …: whatever drifts, drifts for both.
        for (const index of (pair + round) % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          const { program, relay } = running[index];
          const before = relay?.processorSeconds ?? 0;
          const value = inUnit(measure, await program.round());
          if (round < 0) continue;
          tallies[index].rounds.push(value);
          if (relay !== undefined) tallies[index].processor += relay.processorSeconds - before;
        }
      }
    } finally {
      await Promise.all(programs.map((program) => program.stop()));
    }
  }
  return summary(measure, tallies);
}

function performance({ count }: Measure, { name, relay }: Contender, { rounds, processor }: Tally): Performance {
  const gibibytes = (count * rounds.length) / 2 ** 30;
  return { name, median: median(rounds), rounds, ...(relay && { processor: processor / gibibytes }) };
}

function summary(measure: Measure, [reference, subject]: readonly [Tally, Tally]): Result {
  const { part, name, unit, atLeast, atMost } = measure;
  const ratios = subject.rounds.map((value, round) => value / reference.rounds[round]!);
  const ratio = median(ratios);
  const result = {
    part,
    name,
    unit,
    reference: performance(measure, measure.reference, reference),
    subject: performance(measure, measure.subject, subject),
    ratio,
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const,
  };
  if (atLeast !== undefined) return { ...result, target: `≥ ${atLeast}`, met: ratio >= atLeast };
  if (atMost !== undefined) return { ...result, target: `≤ ${atMost}`, met: ratio <= atMost };
  return result;
}
