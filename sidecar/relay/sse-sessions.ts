import type { SseHolder } from './sse-holder.ts';

/** The HTTP+SSE sessions whose stream this relay holds, by digest of the session id. */
export class SseSessions {
  readonly #holders = new Map<string, SseHolder>();

  add(digest: string, holder: SseHolder): void {
    this.#holders.set(digest, holder);
  }
  delete(digest: string): void {
    this.#holders.delete(digest);
  }
  of(digest: string): SseHolder | undefined {
    return this.#holders.get(digest);
  }
  /** Sessions with a stream, so all of them. */
  *open(): Iterable<{ server: string; digest: string }> {
    for (const [digest, { server }] of this.#holders) yield { server, digest };
  }
  /** Their clients begin anew elsewhere. */
  close(): void {
    for (const holder of [...this.#holders.values()]) holder.close();
  }
}
