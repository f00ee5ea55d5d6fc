export type Cell = string | number | boolean | null;

/** A plain text table: numbers to the right, the rest to the left. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = rows.map((row) =>
    row.map((cell) => (cell === null ? '–' : typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : String(cell))),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...text.map((row) => (row[column] ?? '').length)));
  const isNumber = head.map(
    (_, column) =>
      rows.length > 0 &&
      rows.every((row) => typeof row[column] === 'number' || row[column] === null || row[column] === undefined),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...text.map(line)].join('\n');
}
