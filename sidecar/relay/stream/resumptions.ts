import { forgetOldest } from '../../../proto/forget-oldest.ts';
import type { RpcId } from '../../../proto/rpc-error.ts';

/** `upstreamSession`: slot and upstream id, `slot/id`. */
interface Pending {
  upstreamSession: string;
  ids: RpcId[];
}

/** Calls remembered whose stream the server closed on purpose, to be resumed by GET with Last-Event-ID. */
const MAX_PENDING = 10_000;

/**
 * Calls that wait for a resumption. When the replica that holds their events dies, the client's GET with that event id gets an error for
 * each of them. Without it the client would wait for an answer that nobody can give. Known to this relay only; another one opens a plain
 * stream.
 */
export class Resumptions {
  readonly #pending = new Map<string, Pending>();

  remember(digest: string, lastEventId: string, upstreamSession: string, ids: RpcId[]): void {
    if (this.#pending.size >= MAX_PENDING) forgetOldest(this.#pending);
    this.#pending.set(`${digest} ${lastEventId}`, { upstreamSession, ids });
  }

  /** The calls that waited for that event's stream, once; none as long as the upstream session is the one that has their events. */
  takeLost(digest: string, lastEventId: string, upstreamSession: string): RpcId[] {
    const key = `${digest} ${lastEventId}`,
      pending = this.#pending.get(key);
    if (!pending || pending.upstreamSession === upstreamSession) return [];
    this.#pending.delete(key);
    return pending.ids;
  }

  /** They were answered. */
  forget(digest: string, lastEventId: string): void {
    this.#pending.delete(`${digest} ${lastEventId}`);
  }
}
