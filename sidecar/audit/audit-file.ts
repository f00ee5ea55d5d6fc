import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { AuditRecord, AuditSink } from './audit-record.ts';

/** Bytes that may wait for a slow disk or pipe; records beyond that are lost, and counted. */
const MOST_WAITING_BYTES = 4 << 20;
/** A file that can't be written is tried again after this long. */
const REOPEN_MS = 1000;

/** Lines of JSON to one file, or to stdout (null). */
export class AuditFile implements AuditSink {
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

  write(record: AuditRecord): void {
    const stream = this.#open();
    if (stream === null || stream.writableLength > MOST_WAITING_BYTES) return this.#onLost(1);
    stream.write(`${JSON.stringify(record)}\n`);
  }

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
