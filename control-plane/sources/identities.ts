import { replicaKey, type KnownReplica } from '../topology/inputs.ts';

interface Seen {
  identity: string;
  atMs: number;
}

/** Notices that an address belongs to another process than before: a pod that took over the address of one that is gone. */
export class Identities {
  readonly #now: () => number;
  #seen = new Map<string, Seen>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Replicas at whose address another identity was before, and when that one was last seen. */
  changed(replicas: readonly KnownReplica[]): Array<{ replica: KnownReplica; formerSeenAtMs: number }> {
    const next = new Map<string, Seen>(),
      changed: Array<{ replica: KnownReplica; formerSeenAtMs: number }> = [];
    for (const replica of replicas) {
      if (replica.identity === undefined) continue;
      const name = replicaKey(replica.server, replica.address),
        former = this.#seen.get(name);
      if (former && former.identity !== replica.identity) changed.push({ replica, formerSeenAtMs: former.atMs });
      next.set(name, { identity: replica.identity, atMs: this.#now() });
    }
    this.#seen = next;
    return changed;
  }
}
