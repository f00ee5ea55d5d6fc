import type { ReplicaEndpoint } from '../../proto/endpoint.ts';

/** Sessions on their way to a slot: not yet in the directory's counts. */
export class ArrivingSessions {
  /** By `server/slot`. */
  readonly #counts = new Map<string, number>();

  of(server: string, slot: string): number {
    return this.#counts.get(`${server}/${slot}`) ?? 0;
  }

  async during<T>({ server, slot }: ReplicaEndpoint, build: () => Promise<T>): Promise<T> {
    const key = `${server}/${slot}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    try {
      return await build();
    } finally {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    }
  }
}
