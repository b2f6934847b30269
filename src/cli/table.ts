// Rows of text in columns.

/** Pads all columns but the last, and keeps each row on its line, whatever the texts hold. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text) => text.replaceAll(/\p{Cc}/gu, '\ufffd')));
  const widths = cells.reduce<number[]>(
    (widths, row) => row.map((text, index) => Math.max(widths[index] ?? 0, text.length)),
    [],
  );
  const line = (row: readonly string[]) =>
    row.map((text, index) => (index < row.length - 1 ? text.padEnd(widths[index] ?? 0) : text)).join('  ');
  return cells.map((row) => `${line(row).trimEnd()}\n`).join('');
}
