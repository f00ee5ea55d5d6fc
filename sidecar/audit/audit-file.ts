import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';

/** Bytes that may wait for a slow disk or pipe; records beyond that are lost, and counted. */
const MOST_WAITING_BYTES = 4 << 20;
/** A file that can't be written is tried again after this long. */
const REOPEN_MS = 1000;

/** Lines to one file, or to stdout (null). Writing never waits: a line that has no place is lost. */
export class AuditFile {
  readonly #file: string | null;
  readonly #onLost: (count: number) => void;
  readonly #now: () => number;
  #stream: Writable | null = null;
  #closedUntilMs = 0;

  constructor(file: string | null, onLost: (count: number) => void, now: () => number) {
    this.#file = file;
    this.#onLost = onLost;
    this.#now = now;
  }

  write(line: string): void {
    const stream = this.#open();
    if (stream === null || stream.writableLength > MOST_WAITING_BYTES) return this.#onLost(1);
    stream.write(`${line}\n`);
  }

  /** Resolves when what was written is on its way. */
  close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null || this.#file === null) return Promise.resolve();
    return new Promise((resolve) => {
      stream.once('close', resolve).end();
    });
  }

  #open(): Writable | null {
    if (this.#file === null) return process.stdout;
    if (this.#stream !== null) return this.#stream;
    if (this.#now() < this.#closedUntilMs) return null;
    const stream = createWriteStream(this.#file, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {
      // What waited in it is lost; nobody can say how many lines that were, so it counts as one.
      this.#onLost(1);
      this.#closedUntilMs = this.#now() + REOPEN_MS;
      if (this.#stream === stream) this.#stream = null;
    });
    this.#stream = stream;
    return stream;
  }
}
