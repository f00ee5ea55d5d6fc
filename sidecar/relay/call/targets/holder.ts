import type { IncomingHttpHeaders } from 'node:http';
import type { RpcMessage } from '../../../../proto/json-rpc.ts';
import { keysOfAnswer, keysOfRequest, type AffinityKey } from '../../../affinity/affinity-key.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import { isShareable } from '../../cache/keyed-headers.ts';
import { isInvalidParams } from '../answer-hint.ts';
import type { Finding } from '../next-step.ts';
import type { PostCall } from '../post-call.ts';
import { AnyReplica, atReplica, hasResponse } from './any-replica.ts';
import type { TargetErrand, Targets } from './targets.ts';

/**
 * A request of 2026-07-28. What names a task, a requestState or a handle goes to the replica that holds it; anything else to any. When the
 * holder is gone another replica judges. It may share the state. If not, its own refusal is the one that the protocol asks for. For a key
 * that nobody remembers, or whose holder's incarnation is over, replicas are asked one by one. A replica that refuses the key as invalid
 * has done nothing, so the next one is asked.
 */
export class HolderTargets implements Targets {
  readonly #call: PostCall;
  readonly #any: AnyReplica;
  readonly #keys: readonly AffinityKey[];
  #cacheKey: string | null = null;
  #changesSeen = 0;
  /** The head of the answer at hand lets it be given to others. */
  #isShareable = false;

  constructor(call: PostCall) {
    this.#call = call;
    this.#any = new AnyReplica(call, 'modern');
    const { handles } = call.view.policy.affinity;
    const message = this.#message;
    this.#keys = message ? keysOfRequest(message, call.received, call.request.incoming.headers, handles) : [];
  }

  begin(): Finding | Promise<Finding> {
    if (this.#isAnsweredFromCache()) return { is: 'cancelled' };
    return this.#keys.length === 0 ? this.#any.begin() : this.#find();
  }

  carryOut(errand: TargetErrand): Finding | Promise<Finding> {
    const isSeeking = this.#call.destination?.at === 'seek';
    return errand.do === 'elsewhere' && isSeeking ? this.#any.seekOn(errand.otherwise) : this.#any.carryOut(errand);
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    this.#isShareable = isShareable(status, headers, this.#isVerified);
  }

  keep(data: Buffer): Promise<unknown> | null {
    if (!hasResponse(data)) return null;
    const { ctx, destination, request, target, view } = this.#call;
    const { handles, ttlSeconds } = view.policy.affinity;
    this.#offerToCache(data);
    if (!target) return null;
    const found = destination?.at === 'seek' && !isInvalidParams(data) ? this.#keys : [];
    const keys = [...keysOfAnswer(data, handles), ...found];
    return ctx.affinity.remember(request.server, keys, target.replica.slot, ttlSeconds);
  }

  expired(): void {
    this.#any.expired();
  }

  get #message(): RpcMessage | undefined {
    return this.#call.asked.messages[0];
  }
  /** Envoy verifies tokens for this server. */
  get #isVerified(): boolean {
    return this.#call.view.policy.jwt !== undefined;
  }

  async #find(): Promise<Finding> {
    const { ctx, request, view } = this.#call;
    const slot = await ctx.affinity.find(request.server, this.#keys, view.policy.affinity.ttlSeconds);
    const replica = slot === null ? undefined : this.#call.latest.bySlot(slot);
    if (replica && replica.state !== 'lost') return { is: 'found', to: atReplica('holder', replica) };
    // A restart is noticed a moment after it: what the new incarnation gave in between is remembered under the former one's slot.
    return this.#any.elsewhere({ do: 'fail', error: 'noReplica' }, 'seek');
  }

  #isAnsweredFromCache(): boolean {
    const message = this.#message;
    const { client, ctx, headers, received, request, view } = this.#call;
    const { cache } = ctx;
    if (!message || !view.policy.sharedCache) return false;
    const askedBy = {
      path: request.path,
      sent: headers,
      claims: request.shown.claims,
      isVerified: this.#isVerified,
      ofMesh: view.policy.headerFiles,
    };
    this.#cacheKey = cacheKey(message, received, request.incoming.headers, askedBy);
    this.#changesSeen = cache.changes;
    if (this.#cacheKey === null || message.idText === null) return false;
    const kept = cache.find(request.server, this.#cacheKey, message.idText, ctx.now());
    if (!kept) return false;
    client.whole(200, { 'content-type': 'application/json' }, kept);
    this.#call.over(200, false);
    return true;
  }

  #offerToCache(data: Buffer): void {
    const message = this.#message;
    if (this.#cacheKey === null || message === undefined || message.method === null || !this.#isShareable) return;
    const { ctx, request } = this.#call;
    const of = { method: message.method, uri: message.uri };
    ctx.cache.offer(request.server, this.#cacheKey, of, data, this.#changesSeen, ctx.now());
  }
}
