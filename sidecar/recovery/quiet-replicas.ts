import type { ReplicaEndpoint } from '../../proto/endpoint.ts';

/** A replica that left a rebuild waiting is asked last for so long: by then its probe has judged it. */
const ASKED_LAST_MS = 5000;
/** More sessions than any replica has. */
const LAST = 1e9;

/** Replicas that left a rebuild without an answer while another replica could take the session. */
export class QuietReplicas {
  /** By `server/slot`: ms, when it was found so. */
  readonly #since = new Map<string, number>();

  quiet({ server, slot }: ReplicaEndpoint, nowMs: number): void {
    this.#since.set(`${server}/${slot}`, nowMs);
  }

  heard({ server, slot }: ReplicaEndpoint): void {
    this.#since.delete(`${server}/${slot}`);
  }

  /** What is added to a replica's load, so that another one is chosen where there is one. */
  load(server: string, slot: string, nowMs: number): number {
    const key = `${server}/${slot}`;
    const sinceMs = this.#since.get(key);
    if (sinceMs === undefined) return 0;
    if (nowMs - sinceMs < ASKED_LAST_MS) return LAST;
    this.#since.delete(key);
    return 0;
  }
}
