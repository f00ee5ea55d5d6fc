import type { Folders, PackageName } from './packages.ts';

/** One line of the table of `npm run field`. */
export interface Row {
  /** The report of field.md, for example `F3`; or the step of the matrix. */
  id: string;
  client: string;
  server: string;
  expected: string;
  seen: string;
  /** null: it was not tried, and `seen` says what is missing. */
  met: boolean | null;
}

export type Subject = Omit<Row, 'seen' | 'met'>;
/** Plays one line; `play` says what was seen, in the words of `expected` when that is what happened. Never rejects. */
export type Trial = (subject: Subject, play: () => Promise<string>) => Promise<void>;

/** Some lines of the table that share a mesh. */
export interface Scene {
  section: 'reports' | 'matrix' | 'log-in' | 'browser' | 'gateways';
  name: string;
  packages: readonly PackageName[];
  /** Why it can't be played on this machine, packages apart; null when it can. */
  lacks?: () => string | null;
  play(trial: Trial, folders: Folders): Promise<void>;
}

const MOST_CHARACTERS = 160;

/** Keeps what trials see in `rows`; `onRow` hears of each at once. */
export const trialInto =
  (rows: Row[], onRow: (row: Row) => void): Trial =>
  async (subject, play) => {
    const seen = await play().catch((error: unknown) => `error: ${error instanceof Error ? error.message : error}`);
    const line = seen.replaceAll(/\s+/g, ' ').slice(0, MOST_CHARACTERS);
    const row = { ...subject, seen: line, met: seen === subject.expected };
    rows.push(row);
    onRow(row);
  };

/** For expectations such as `all answered`: this word when it is so, else what is otherwise. */
export const wordIf = (word: string, isSo: boolean, otherwise: unknown): string =>
  isSo ? word : typeof otherwise === 'string' ? otherwise : JSON.stringify(otherwise);
