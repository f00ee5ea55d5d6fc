import { plain } from './table.ts';

export interface Output {
  /** A line for people, or the value as JSON when --json was asked for. */
  show(value: unknown, text: () => string): void;
  /** One value of a sequence that has no end: a line in both forms. */
  line(value: unknown, text: () => string): void;
  /** How far a long command is, on standard error: one line that is rewritten on a terminal, a line per change elsewhere. */
  progress(text: string): void;
  /** The progress is over. */
  settle(): void;
  readonly isJson: boolean;
}

export function output(
  isJson: boolean,
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
): Output {
  let last = '';
  return {
    isJson,
    show(value, text) {
      stdout.write(`${isJson ? JSON.stringify(value, null, 2) : text()}\n`);
    },
    line(value, text) {
      stdout.write(`${isJson ? JSON.stringify(value) : text()}\n`);
    },
    progress(text) {
      const shown = plain(text);
      if (shown === last) return;
      stderr.write(stderr.isTTY ? `\r\u001b[2K${shown.slice(0, Math.max(20, stderr.columns - 1))}` : `${shown}\n`);
      last = shown;
    },
    settle() {
      if (last !== '' && stderr.isTTY) stderr.write('\n');
      last = '';
    },
  };
}
