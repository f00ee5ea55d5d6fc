import { KeptBytes } from './kept-bytes.ts';
import type { ClientAnswer } from '../client/client-answer.ts';

/** A call that its client can come back to. */
export interface Resumable {
  /** Keyed digest of the credentials that its client showed; null when it showed none. */
  readonly credentials: string | null;
  /** Goes on with another connection of its client. False: what the client missed can't be given any more. */
  resume(client: ClientAnswer): boolean;
}

/** An answer was written, and nobody knows whether its client has it: it is kept for so long. */
const KEEP_MS = 5000;
/** Larger answers are not kept, and no more than so many bytes of all. */
const MAX_ANSWER_BYTES = 64 << 10;
const MAX_BYTES = 16 << 20;

/** The calls of this relay whose streams carry an event id of the mesh, by session and request. */
export class PrimedCalls {
  readonly #calls = new Map<string, Resumable>();
  /** Answers whose clients are away. */
  readonly kept = new KeptBytes();
  #bytes = 0;

  add(digest: string, idText: string, call: Resumable): void {
    this.#calls.set(keyOf(digest, idText), call);
  }

  delete(digest: string, idText: string, call: Resumable): void {
    const key = keyOf(digest, idText);
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }

  /** The call is over: in place of it its answer is kept for a while, and given once. */
  keepAnswer(
    digest: string,
    idText: string,
    answer: Buffer | string,
    { credentials, nowMs }: { credentials: string | null; nowMs: () => number },
  ): void {
    const bytes = Buffer.from(answer); // A copy: what it was cut from is larger.
    if (bytes.length > MAX_ANSWER_BYTES || this.#bytes + bytes.length > MAX_BYTES) return;
    this.#bytes += bytes.length;
    const forget = (): void => this.delete(digest, idText, kept);
    const kept: Resumable = {
      credentials,
      resume: (client) => {
        forget();
        client.openSse(200, {}, nowMs());
        client.write(bytes, nowMs());
        client.end();
        return true;
      },
    };
    this.add(digest, idText, kept);
    setTimeout(() => {
      this.#bytes -= bytes.length;
      forget();
    }, KEEP_MS).unref();
  }

  of(digest: string, idText: string): Resumable | undefined {
    return this.#calls.get(keyOf(digest, idText));
  }
}

const keyOf = (digest: string, idText: string): string => `${digest} ${idText}`;
