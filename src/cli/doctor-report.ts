// What the doctor has found, for people to read.
import { styleText } from 'node:util';
import type { Finding, Level } from '../doctor/finding.ts';

export interface ReportOptions {
  /** For terminals that can. */
  readonly color: boolean;
  /** Columns to fold sentences at; they are not folded without. Commands never are: they get copied. */
  readonly width?: number | undefined;
}

const colors = { ok: 'green', warning: 'yellow', failure: 'red' } as const;
const GAP = '  ';
/** The narrowest column that sentences are folded into. */
const LEAST_WIDTH = 30;

/** A line for each finding, its command below it, and a last line that sums up. */
export function formatReport(findings: readonly Finding[], { color, width }: ReportOptions): string {
  const paint = (format: 'green' | 'yellow' | 'red' | 'bold', text: string) =>
    color ? styleText(format, text, { validateStream: false }) : text;
  const levelWidth = Math.max(...findings.map(({ level }) => level.length));
  const idWidth = Math.max(...findings.map(({ id }) => id.length));
  const indent = ' '.repeat(levelWidth + idWidth + 2 * GAP.length);
  const room = width === undefined ? Infinity : Math.max(LEAST_WIDTH, width - indent.length);
  const lines = findings.flatMap(({ level, id, why, command }) => {
    const [first = '', ...others] = fold(why, room);
    const head = paint(colors[level], level.padEnd(levelWidth)) + GAP + id.padEnd(idWidth) + GAP + first;
    const mend = command === undefined ? [] : [`${indent}${paint('bold', `$ ${command}`)}`];
    return [head, ...others.map((line) => indent + line), ...mend];
  });
  return `${[...lines, '', summary(findings)].join('\n')}\n`;
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Level, noun: string) => {
    const { length } = findings.filter((finding) => finding.level === level);
    return length === 0 ? [] : [`${length} ${noun}${length === 1 ? '' : 's'}`];
  };
  const found = [...count('failure', 'failure'), ...count('warning', 'warning')];
  return found.length === 0 ? 'all is well' : found.join(', ');
}

/** Lines of at most `room` characters; a longer word has its own. */
function fold(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
