import type { RpcMessage } from '../../../proto/json-rpc.ts';
import type { SessionCalls } from './session-calls.ts';
import { plainIdText } from './server-request-ids.ts';

/** Requests of one session that are remembered; a server that asks more often is not waited for. */
const MAX_PER_SESSION = 64;
/** A request that no answer was seen to for this long is forgotten: its answer may have passed another gateway. */
const FORGOTTEN_AFTER_MS = 3_600_000;

/**
 * Requests of servers to their clients (sampling, elicitation, roots) without an answer yet, by session. While there is one, a call waits for
 * its own client: that is nobody's fault, and its deadline stands still.
 */
export class PendingServerRequests {
  /** By session digest: when each id was sent, by its JSON text. */
  readonly #sessions = new Map<string, Map<string, number>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes note of a message on its way to the client of a session. Without a session (digest null) nobody could match an answer to it. */
  sentToClient(digest: string | null, { kind, method, idText, cancelsIdText }: RpcMessage): void {
    if (digest === null) return;
    if (kind === 'request' && idText !== null) this.#add(digest, plainIdText(idText));
    else if (method === 'notifications/cancelled' && cancelsIdText !== null)
      this.#delete(digest, plainIdText(cancelsIdText));
  }

  /** Takes note of a message of the session's client. */
  sentByClient(digest: string | null, { kind, idText }: RpcMessage): void {
    if (digest !== null && kind === 'response' && idText !== null) this.#delete(digest, plainIdText(idText));
  }

  isWaiting(digest: string | null): boolean {
    const pending = digest === null ? undefined : this.#sessions.get(digest);
    if (digest === null || !pending) return false;
    for (const [idText, sentMs] of pending) {
      if (this.#now() - sentMs < FORGOTTEN_AFTER_MS) return true;
      this.#delete(digest, idText);
    }
    return false;
  }

  /** Forgets a session that has no call left which could wait. */
  forgetIdle(digest: string | null, calls: Pick<SessionCalls, 'of'>): void {
    if (digest !== null && calls.of(digest) === 0) this.forget(digest);
  }

  /** Nothing of the session waits any more. */
  forget(digest: string): void {
    this.#sessions.delete(digest);
  }

  #add(digest: string, idText: string): void {
    const pending = this.#sessions.get(digest) ?? new Map<string, number>();
    if (pending.size >= MAX_PER_SESSION) return;
    pending.set(idText, this.#now());
    this.#sessions.set(digest, pending);
  }

  #delete(digest: string, idText: string): void {
    const pending = this.#sessions.get(digest);
    if (pending?.delete(idText) && pending.size === 0) this.#sessions.delete(digest);
  }
}
