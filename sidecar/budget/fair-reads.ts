import { A_QUARTER, spareTime } from './spare-time.ts';

/** Bytes of a body that are read at once, however busy the process is: nearly every answer and request is smaller. */
const FREE_BYTES = 64 << 10;
/** A body counts as large from here on, and then waits behind those that are not. */
const LARGE_BYTES = 1 << 20;
/** What bodies may take of one turn of the event loop, all together: about a millisecond of work. */
const BYTES_PER_TURN = 128 << 10;
/** Bodies that go on in one turn: each reads 64 KiB, Node's buffer, before it can be stopped again. */
const READERS_PER_TURN = 2;
/** With more bodies than this, they are read in what the others leave of the event loop. */
const CROWD = 8;
/** In a crowd of large bodies alone, in ms: they share some 20 MiB a second. */
const CROWD_PAUSE_MS = 5;

/** A body that is being read: a replica's answer, or a client's request. */
export interface FairReader {
  /** Bytes read so far. */
  bytesRead: number;
  /** Its turn has come. */
  goOn(): void;
}

/**
 * Shares the event loop among bodies. libuv reads up to 32 buffers of a socket before it looks at the next one. So
 * fifty streams that replicas flood would keep every other call waiting for seconds. What was read of a body beyond 64
 * KiB waits for its turn, small before large.
 */
export class FairReads {
  readonly #later: (run: () => void, pauseMs: number) => void;
  readonly #small = new Set<FairReader>();
  readonly #large = new Set<FairReader>();
  #spent = 0;
  #isTurnDue = false;

  /** `later`: runs something after what is due now, or after a pause and when the event loop has had a rest. */
  constructor(later: (run: () => void, pauseMs: number) => void = afterOthers) {
    this.#later = later;
  }

  /** `bytes` more were read. True: the reader is to stop until `goOn`. */
  mustWait(reader: FairReader, bytes: number): boolean {
    reader.bytesRead += bytes;
    if (reader.bytesRead <= FREE_BYTES) return false;
    this.#spent += bytes;
    this.#await();
    if (this.#spent <= BYTES_PER_TURN && this.#small.size + this.#large.size === 0) return false;
    (reader.bytesRead > LARGE_BYTES ? this.#large : this.#small).add(reader);
    return true;
  }

  /** The reader does not want its turn any more. */
  leave(reader: FairReader): void {
    this.#small.delete(reader);
    this.#large.delete(reader);
  }

  #await(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    const isCrowd = this.#small.size + this.#large.size > CROWD;
    this.#later(() => this.#turn(), !isCrowd ? 0 : this.#small.size > 0 ? 1 : CROWD_PAUSE_MS);
  }

  #turn(): void {
    this.#isTurnDue = false;
    this.#spent = 0;
    for (let count = 0; count < READERS_PER_TURN && this.#spent < BYTES_PER_TURN; count++) {
      const [next] = this.#small.size > 0 ? this.#small : this.#large;
      if (!next) return;
      this.leave(next);
      next.goOn();
    }
    if (this.#small.size + this.#large.size > 0) this.#await();
  }
}

const inSpareTime = spareTime(A_QUARTER);

function afterOthers(run: () => void, pauseMs: number): void {
  if (pauseMs > 0) inSpareTime(run, pauseMs);
  else setImmediate(run);
}
