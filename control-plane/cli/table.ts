/** Columns side by side under their titles; the last one is not padded. Control characters never reach the terminal. */
export function table(
  titles: readonly string[],
  rows: ReadonlyArray<ReadonlyArray<string | number | null | undefined>>,
): string {
  const cells = [
    titles.map((title) => title.toUpperCase()),
    ...rows.map((row) => titles.map((_, index) => plain(row[index]))),
  ];
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === titles.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a terminal obeys instead of showing it: control characters, those that turn the direction of text, and those that nobody sees. */
export const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text from elsewhere, made harmless for a terminal. */
export const plain = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === '' ? '-' : String(value).replace(CONTROLS, ' ');

/** Several lines for people: whoever wrote a part of them can neither steer the terminal nor hide a word. */
export const plainLines = (text: string): string =>
  text.replace(CONTROLS, (letter) => (letter === '\n' ? letter : ' '));
