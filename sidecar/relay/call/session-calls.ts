/** Calls in flight through this relay, by session: an idle session may be moved away from a draining replica, a busy one not. */
export class SessionCalls {
  readonly #live = new Map<string, number>();
  readonly #serverOf = new Map<string, string>();
  readonly #servers = new Map<string, number>();
  readonly #changed: (server: string, open: number) => void;

  constructor(changed: (server: string, open: number) => void) {
    this.#changed = changed;
  }

  began(server: string, digest: string | null): void {
    this.#count(this.#servers, server, 1);
    this.#changed(server, this.#servers.get(server) ?? 0);
    if (digest === null) return;
    this.#count(this.#live, digest, 1);
    this.#serverOf.set(digest, server);
  }

  ended(server: string, digest: string | null): void {
    this.#count(this.#servers, server, -1);
    this.#changed(server, this.#servers.get(server) ?? 0);
    if (digest === null) return;
    this.#count(this.#live, digest, -1);
    if (!this.#live.has(digest)) this.#serverOf.delete(digest);
  }

  of(digest: string): number {
    return this.#live.get(digest) ?? 0;
  }

  /** Sessions with a call in flight. */
  *busy(): Iterable<{ server: string; digest: string }> {
    for (const [digest, server] of this.#serverOf) yield { server, digest };
  }

  #count(map: Map<string, number>, key: string, by: number): void {
    const count = (map.get(key) ?? 0) + by;
    if (count > 0) map.set(key, count);
    else map.delete(key);
  }
}
