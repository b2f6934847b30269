// One line of the table: two contenders do the same work, round by round in turn, against the same other end.
import { type Family, newAddress } from './address.ts';
import { Program } from './program.ts';
import { median, quantile } from './statistics.ts';

type Command = (address: string) => readonly string[];

/** Who does the work. */
export interface Contender {
  readonly name: string;
  /** Runs the rounds. */
  readonly runner: Command;
  /** Its own other end, where there is no common one, and the family of that. Default: the measure's. */
  readonly server?: Command;
  readonly family?: Family;
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

/** What came of a measure: medians, and the ratios of the rounds with their quartiles. */
export interface Result {
  readonly part: string;
  readonly name: string;
  readonly unit: Measure['unit'];
  readonly reference: { readonly name: string; readonly median: number; readonly rounds: readonly number[] };
  readonly subject: { readonly name: string; readonly median: number; readonly rounds: readonly number[] };
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

/** Runs the measure. Rejects if one of its programs fails; then none of them is left running. */
export async function runMeasure(measure: Measure): Promise<Result> {
  const reference: number[] = [];
  const subject: number[] = [];
  for (let pair = 0; pair < measure.pairs; pair++) {
    const programs: Program[] = [];
    const start = async (command: readonly string[]) => {
      const program = await Program.start(command);
      programs.push(program);
      return program;
    };
    const startContender = async ({ runner, server, family = measure.family }: Contender, commonAddress: string) => {
      const address = server === undefined ? commonAddress : newAddress(family);
      if (server !== undefined) await start(server(address));
      return start(runner(address));
    };
    try {
      const address = newAddress(measure.family);
      if (measure.peer !== undefined) await start(measure.peer(address));
      const referenceProgram = await startContender(measure.reference, address);
      const subjectProgram = await startContender(measure.subject, address);
      for (let round = -measure.warmups; round < measure.rounds; round++) {
        // A B, B A, A B …: whatever drifts, drifts for both.
        const values: number[] = [];
        const inTurn = (pair + round) % 2 === 0;
        for (const program of inTurn ? [referenceProgram, subjectProgram] : [subjectProgram, referenceProgram]) {
          values.push(inUnit(measure, await program.round()));
        }
        if (!inTurn) values.reverse();
        if (round < 0) continue;
        reference.push(values[0]!);
        subject.push(values[1]!);
      }
    } finally {
      await Promise.all(programs.map((program) => program.stop()));
    }
  }
  return summary(measure, reference, subject);
}

function summary(measure: Measure, reference: readonly number[], subject: readonly number[]): Result {
  const { part, name, unit, atLeast, atMost } = measure;
  const ratios = subject.map((value, round) => value / reference[round]!);
  const ratio = median(ratios);
  const result = {
    part,
    name,
    unit,
    reference: { name: measure.reference.name, median: median(reference), rounds: reference },
    subject: { name: measure.subject.name, median: median(subject), rounds: subject },
    ratio,
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const,
  };
  if (atLeast !== undefined) return { ...result, target: `≥ ${atLeast}`, met: ratio >= atLeast };
  if (atMost !== undefined) return { ...result, target: `≤ ${atMost}`, met: ratio <= atMost };
  return result;
}
