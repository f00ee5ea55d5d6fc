import type { IncomingHttpHeaders } from 'node:http';
import type { ReplicaEndpoint } from '../../../../proto/endpoint.ts';
import type { Era } from '../../../../proto/era.ts';
import { messagesOf, readRpcBody } from '../../../../proto/json-rpc.ts';
import { parseJsonObject } from '../../../../proto/parse-json.ts';
import { isCarried } from '../../../../proto/session-id.ts';
import type { SessionRecord } from '../../../../proto/session-record.ts';
import { HEADER } from '../../../../proto/wire.ts';
import { clientAddress } from '../../../budget/client-address.ts';
import { fetchTools } from '../fetch-tools.ts';
import { newSessionRecord, initializedRecord } from '../new-session-record.ts';
import type { Ending, Finding, Step } from '../next-step.ts';
import type { PostCall } from '../post-call.ts';
import type { TargetErrand, Targets } from './targets.ts';
import type { Destination } from '../target.ts';

/**
 * A call that belongs to no session: initialize, stateless servers, 2026-07-28. Any replica may have it. The answer to initialize waits until the
 * session's record is kept, so that no later request can come before it.
 */
export class AnyReplica implements Targets {
  readonly #call: PostCall;
  readonly #tried = new Set<string>();
  /** Of the session that begins, as far as the answer's headers tell. */
  #beginning: SessionRecord | null = null;

  readonly #era: Era;

  constructor(call: PostCall, era: Era) {
    this.#call = call;
    this.#era = era;
  }

  begin(): Finding {
    this.#skipAsked();
    return this.#toNext('replica', { do: 'fail', error: 'noReplica' });
  }

  carryOut(errand: TargetErrand): Finding | Promise<Finding> {
    switch (errand.do) {
      case 'elsewhere':
        return this.elsewhere(errand.otherwise);
      case 'learn':
        return this.learn(errand.next);
      default:
        // Only sessions are pinged and rebuilt.
        return { is: 'nowhere', otherwise: { do: 'fail', error: 'noReplica' } };
    }
  }

  /** Not the replica that had the last attempt, nor those before it. `at`: why another one is asked. */
  elsewhere(otherwise: Ending, at: 'replica' | 'seek' = 'replica'): Finding {
    this.#leave();
    return this.#toNext(at, otherwise);
  }

  /** What the tool says of itself was not heard yet: the replica that would have the call next is asked. */
  async learn(next: Step): Promise<Finding> {
    const { ctx, headers, latest, received, target } = this.#call;
    if (next.do !== 'again') this.#leave();
    const replica = next.do === 'again' ? target?.replica : ctx.place(latest, this.#tried);
    const params = parseJsonObject(received)?.['params'];
    const meta = params !== null && typeof params === 'object' && !Array.isArray(params) ? params['_meta'] : undefined;
    const at = replica && { replica, upstreamId: null, record: null };
    if (at) await fetchTools(ctx, this.#call.view.policy, at, headers, this.#era === 'modern' ? meta : undefined);
    return { is: 'learned', next };
  }

  head(_status: number, headers: IncomingHttpHeaders): void {
    const { asked, client, ctx, isInitialize, received, request, target, view } = this.#call;
    const upstreamId = headers[HEADER.sessionId];
    // A body that is compressed may be an initialize, too.
    if (
      !(isInitialize || asked.rpc.kind === 'invalid') ||
      !target ||
      typeof upstreamId !== 'string' ||
      upstreamId === ''
    )
      return;
    const { clientId, record } = newSessionRecord({
      replica: target.replica,
      upstreamId,
      owner: ctx.identities.ownerOf(request.shown, this.#call.headers, view.policy),
      initializeParams: parseJsonObject(received)?.['params'],
      nowMs: ctx.now(),
    });
    if (view.policy.guard.includes('calls') && !isCarried({ clientId, upstreamId })) {
      this.#call.mayHaveRun();
      return this.#call.fail({ do: 'fail', error: 'badSessionId' });
    }
    this.#beginning = record;
    this.#call.isNamed = true;
    client.nameSession(clientId);
  }

  keep(data: Buffer): Promise<unknown> | null {
    const beginning = this.#beginning;
    if (!beginning || !hasResponse(data)) return null;
    this.#beginning = null;
    const record = initializedRecord(beginning, parseJsonObject(data)?.['result']);
    if (!record) return null;
    const { ctx, received, request } = this.#call;
    ctx.metrics.created(record.server, record.backend);
    ctx.sessions.began(record, clientAddress(request.incoming.headers), received.length);
    return ctx.directory.remember(record);
  }

  expired(): void {
    const { ctx, request, target } = this.#call;
    if (target) ctx.report({ server: request.server, slot: target.replica.slot, kind: 'hanging' });
  }

  /** Asks replicas in turn, those that take no new sessions too. */
  seekOn(otherwise: Ending): Finding {
    this.#leave();
    const next = this.#call.latest.endpoints.find(
      ({ slot, state }) => state !== 'lost' && state !== 'unhealthy' && !this.#tried.has(slot),
    );
    return next ? found('seek', next, otherwise) : { is: 'nowhere', otherwise };
  }

  /** Envoy says where it was before it came here. When none else takes new sessions, that one is asked again. */
  #skipAsked(): void {
    const { ctx, latest, request } = this.#call;
    const hosts = request.incoming.headers[HEADER.host];
    if (typeof hosts !== 'string') return;
    const asked = hosts.split(',');
    const slots = latest.endpoints.filter(({ address }) => asked.includes(address)).map(({ slot }) => slot);
    if (ctx.place(latest, new Set(slots))) for (const slot of slots) this.#tried.add(slot);
  }

  #leave(): void {
    const { target } = this.#call;
    if (target) this.#tried.add(target.replica.slot);
  }

  #toNext(at: 'replica' | 'seek', otherwise: Ending): Finding {
    const replica = this.#call.ctx.place(this.#call.latest, this.#tried);
    return replica ? found(at, replica, otherwise) : { is: 'nowhere', otherwise };
  }
}

export const atReplica = (at: Exclude<Destination['at'], 'neighbour'>, replica: ReplicaEndpoint): Destination => ({
  at,
  target: { replica, upstreamId: null, record: null },
});

const found = (at: 'replica' | 'seek', replica: ReplicaEndpoint, otherwise: Ending): Finding => ({
  is: 'found',
  to: atReplica(at, replica),
  otherwise,
});

export const hasResponse = (data: Buffer): boolean =>
  messagesOf(readRpcBody(data)).some(({ kind }) => kind === 'response');
