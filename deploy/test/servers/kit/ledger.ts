import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/**
 * Counts executions by key, in the process and in a file. So a test can prove that nothing ran twice, even when
 * processes die. The line is written before the caller is answered, with one append: lines of several replicas don't
 * mix.
 */
export class Ledger {
  readonly #counts = new Map<string, number>();
  readonly #file: string | null;
  readonly #label: string;

  constructor(file: string | null, label: string) {
    this.#file = file;
    this.#label = label;
  }

  /** Executions of `key` in this process, this one included. */
  record(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify({ key, replica: this.#label })}\n`);
    return count;
  }

  here(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Executions of `key` in every process that shares the file; those of this one where there is no file. */
  everywhere(key: string): number {
    return this.#file === null ? this.here(key) : (readLedger(this.#file).get(key) ?? 0);
  }
}

/** Executions by key, from a ledger file. A missing file means none. */
export function readLedger(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  if (!existsSync(file)) return counts;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const { key } = JSON.parse(line) as { key: string };
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
