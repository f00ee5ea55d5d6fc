import type { RpcMessage } from '../../../proto/json-rpc.ts';
import type { RpcError } from '../../../proto/rpc-error.ts';
import type { RequestOutcome } from '../call/request-outcome.ts';
import type { MeshError } from '../client/mesh-errors.ts';
import type { PendingCalls } from './pending-calls.ts';

/** An HTTP+SSE session whose stream is held here, as those see it who post to it. */
export interface HeldSession {
  readonly server: string;
  /** Those that wait for their answer. */
  readonly calls: Pick<PendingCalls, 'remove' | 'repeats' | 'size'>;
  /** The rebuilding that is under way, if any. */
  readonly rebuilding: Promise<void> | null;
  posted(message: RpcMessage, body: Buffer, outcome: RequestOutcome): void;
  taken(message: RpcMessage, slot: string): void;
  /** An error on the session's stream: of a call that went nowhere. */
  tell(error: RpcError): void;
  /** It reached no replica: a request hears so on the stream. */
  failed(message: RpcMessage, error: MeshError): void;
  /** The slot that its record names has ended: a stream that goes on all the same is left. */
  slotEnded(): void;
  close(): void;
}

/** The HTTP+SSE sessions whose stream this relay holds, by digest of the session id. */
export class HeldSessions {
  readonly #holders = new Map<string, HeldSession>();

  add(digest: string, holder: HeldSession): void {
    this.#holders.set(digest, holder);
  }
  delete(digest: string): void {
    this.#holders.delete(digest);
  }
  of(digest: string): HeldSession | undefined {
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
