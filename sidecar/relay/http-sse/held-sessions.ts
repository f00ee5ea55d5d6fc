import type { RpcMessage } from '../../../proto/json-rpc.ts';
import type { ExchangeOutcome } from '../call/request-outcome.ts';
import type { MeshError } from '../client/mesh-errors.ts';

/** An HTTP+SSE session whose stream is held here, as those see it who post to it. */
export interface HeldSseSession {
  readonly server: string;
  /** The rebuilding that is under way, if any. */
  readonly rebuilding: Promise<void> | null;
  posted(message: RpcMessage, body: Buffer, outcome: ExchangeOutcome): void;
  taken(message: RpcMessage, slot: string): void;
  withdrawn(message: RpcMessage): void;
  /** It reached no replica: a request hears so on the stream. */
  failed(message: RpcMessage, error: MeshError): void;
  close(): void;
}

/** The HTTP+SSE sessions whose stream this relay holds, by digest of the session id. */
export class SseSessions {
  readonly #holders = new Map<string, HeldSseSession>();

  add(digest: string, holder: HeldSseSession): void {
    this.#holders.set(digest, holder);
  }
  delete(digest: string): void {
    this.#holders.delete(digest);
  }
  of(digest: string): HeldSseSession | undefined {
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
