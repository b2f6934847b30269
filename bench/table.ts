// Results as text for a terminal or a Markdown page.
import type { Performance, Result } from './measure.ts';

const heading = ['', 'reference', 'subject', 'ratio', 'quartiles', 'target', ''];

function amount(value: number, unit: Result['unit']): string {
  const digits = value < 100 ? 1 : 0;
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}

function performance({ name, median, processor }: Performance, unit: Result['unit']): string {
  const used = processor === undefined ? '' : `, ${processor.toFixed(2)} s/GiB`;
  return `${name} ${amount(median, unit)}${used}`;
}

function cells({ name, unit, reference, subject, ratio, quartiles, target, met }: Result): string[] {
  return [
    name,
    performance(reference, unit),
    performance(subject, unit),
    ratio.toFixed(2),
    quartiles.map((value) => value.toFixed(2)).join(' – '),
    target ?? '',
    met === undefined ? '' : met ? 'ok' : 'MISSED',
  ];
}

/** One table, a row for each result, with a row to head each part. */
export function table(results: readonly Result[]): string {
  const rows: string[][] = [];
  let part: string | undefined;
  for (const result of results) {
    if (result.part !== part) {
      part = result.part;
      rows.push([part, ...heading.slice(1).map(() => '')]);
    }
    rows.push(cells(result).map((cell, column) => (column === 0 ? `  ${cell}` : cell)));
  }
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(2, ...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(heading), rule, ...rows.map(line)].join('\n');
}
