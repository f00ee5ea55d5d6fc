import { CONTROLS, plain, plainLines } from './table.ts';

/** Where a terminal begins anew. */
const CLEAR = '\u001b[H\u001b[2J';

export interface Output {
  /** A line for people, or the value as JSON when --json was asked for. */
  show(value: unknown, text: () => string): void;
  /** As `show`, of a text of the operator’s own, which stays as it is. */
  document(value: unknown, text: () => string): void;
  /** One value of a sequence that has no end: a line in both forms. */
  line(value: unknown, text: () => string): void;
  /** As `line`, but on a terminal in the place of the one before, and no wider than it. */
  screen(value: unknown, text: () => string): void;
  /** How far a long command is, on standard error: one line that is rewritten on a terminal, a line per change elsewhere. */
  progress(text: string): void;
  /** The progress is over. */
  settle(): void;
  readonly isJson: boolean;
}

/** JSON leaves some controls as they are, and this may go to a terminal. Those below a space are escaped already, or are line breaks of the layout. */
const json = (value: unknown, indent = 0): string =>
  (JSON.stringify(value, null, indent) ?? 'null').replace(CONTROLS, (letter) =>
    letter < ' ' ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** No line is wider than the terminal: one that wraps would push the first ones off the screen. */
const cut = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => (line.length > columns ? `${line.slice(0, Math.max(1, columns - 1))}…` : line))
    .join('\n');

export function output(
  isJson: boolean,
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
): Output {
  let last = '';
  const settle = (): void => {
    if (last !== '' && stderr.isTTY) stderr.write('\n');
    last = '';
  };
  return {
    isJson,
    show(value, text) {
      stdout.write(`${isJson ? json(value, 2) : plainLines(text())}\n`);
    },
    document(value, text) {
      stdout.write(`${isJson ? json(value, 2) : text()}\n`);
    },
    line(value, text) {
      settle();
      stdout.write(`${isJson ? json(value) : plainLines(text())}\n`);
    },
    screen(value, text) {
      if (isJson) stdout.write(`${json(value)}\n`);
      else if (stdout.isTTY) stdout.write(`${CLEAR}${cut(plainLines(text()), stdout.columns)}\n`);
      else stdout.write(`${plainLines(text())}\n`);
    },
    progress(text) {
      const shown = plain(text);
      if (shown === last) return;
      stderr.write(stderr.isTTY ? `\r\u001b[2K${shown.slice(0, Math.max(20, stderr.columns - 1))}` : `${shown}\n`);
      last = shown;
    },
    settle,
  };
}
