import type { IncomingHttpHeaders } from 'node:http';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import { sseMessage } from '../../proto/sse-writer.ts';
import type { ServerView } from '../xds/topology.ts';
import { upstreamHeaders } from '../replica/headers.ts';
import type { ClientAnswer } from '../relay/client-answer.ts';
import type { ClientRequest, PostBody } from '../relay/client-request.ts';
import type { WholeAnswer } from '../relay/target.ts';
import { ExchangeOutcome } from '../relay/exchange-outcome.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, requestIds } from '../relay/mesh-errors.ts';
import { pauseBefore } from '../relay/pause-before.ts';
import type { RelayContext } from '../relay/relay-context.ts';
import { mergeAcknowledgements } from './acknowledgement.ts';
import { ListenBranch, type BranchListener } from './listen-branch.ts';

/** The client's acknowledgement waits this long for the replicas that are slower than the first. */
const ACK_WAIT_MS = 300;
/** A replica whose stream broke is asked again after this long at least; after each further failure the pause is longer. */
const REOPEN_MS = 250;
/** Notifications kept while the acknowledgement is awaited; it lasts a moment, and more than this in it say nothing new. */
const MAX_EARLY = 1000;

/**
 * One client's `subscriptions/listen`: events happen in a process, so it is open at every replica (or at one, by policy) and the client sees one
 * stream, with one acknowledgement. The request goes to each replica as it is, so the subscription id stays. Replicas come and go beneath it.
 */
export class ListenStream implements BranchListener {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #body: PostBody;
  readonly #outcome: ExchangeOutcome;
  readonly #headers: string[];
  readonly #branches = new Map<string, ListenBranch>();
  /** Slots that said all they had to say. */
  readonly #completed = new Set<string>();
  readonly #retryAtMs = new Map<string, number>();
  /** Failures in a row by slot. */
  readonly #failures = new Map<string, number>();
  readonly #acknowledgements: Record<string, unknown>[] = [];
  #early: SseEvent[] = [];
  #ackTimer: NodeJS.Timeout | null = null;
  #isAcknowledged = false;
  #refusal: WholeAnswer | null = null;
  #farewell: SseEvent | null = null;
  #isOver = false;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer, body: PostBody) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#body = body;
    this.#outcome = new ExchangeOutcome(ctx, request, body.rpc);
    this.#headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    client.onGone(() => this.#end(0, 'cancelled'));
    client.onCrash = () => (client.isFresh ? this.#fail('internal') : this.close());
    client.onDrain(() => {
      for (const branch of this.#branches.values()) branch.resume();
    });
  }

  run(): void {
    if (!this.#ctx.modern.listens.add(this)) return this.#fail('overload');
    this.reconcile();
  }

  get server(): string {
    return this.#request.server;
  }

  /** Called by a timer: compares the branches with the fleet. */
  look(): void {
    this.#client.guard(() => this.reconcile());
  }

  /** Opens it where it should be open and is not, closes it where it should not be: called again and again. */
  reconcile(): void {
    if (this.#isOver) return;
    const wanted = new Map(this.#wanted().map((replica) => [replica.slot, replica]));
    for (const [slot, branch] of this.#branches) {
      if (wanted.has(slot)) continue;
      // a draining replica is not kept busy by a stream that any other can give
      this.#branches.delete(slot);
      branch.close();
    }
    const view = this.#latest;
    for (const kept of [this.#completed, this.#retryAtMs, this.#failures])
      for (const slot of kept.keys()) if (!view.bySlot(slot)) kept.delete(slot);
    for (const [slot, replica] of wanted) {
      if (this.#branches.has(slot) || this.#completed.has(slot) || (this.#retryAtMs.get(slot) ?? 0) > this.#ctx.now())
        continue;
      if (!this.#isOpenTo(slot)) continue;
      this.#outcome.sent(replica, null);
      this.#branches.set(
        slot,
        new ListenBranch(replica, this, this.#client, (answer) =>
          this.#ctx.upstream.send(
            {
              address: replica.address,
              method: 'POST',
              path: this.#request.path,
              headers: this.#headers,
              body: this.#body.bytes,
              connectTimeoutMs: this.#view.policy.timeouts.connectMs,
            },
            answer,
          ),
        ),
      );
    }
    this.#settle();
  }

  /** This relay ends. */
  close(): void {
    this.#client.end();
    this.#end(this.#client.status);
  }

  opened(branch: ListenBranch, status: number, headers: IncomingHttpHeaders): void {
    this.#retryAtMs.delete(branch.replica.slot);
    if (this.#client.isFresh) this.#client.openSse(status, headers, this.#ctx.now());
  }

  acknowledged(branch: ListenBranch, data: Buffer): void {
    this.#failures.delete(branch.replica.slot);
    if (this.#isAcknowledged) return;
    this.#acknowledgements.push(parseJsonObject(data) ?? {});
    this.#ackTimer ??= setTimeout(() => this.#client.guard(() => this.#acknowledge()), ACK_WAIT_MS);
    this.#settle();
  }

  notified(_branch: ListenBranch, message: RpcMessage, event: SseEvent): void {
    if (message.method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.server);
    this.#ctx.modern.cache.changed(this.server, message.method, message.uri);
    if (this.#isAcknowledged) this.#write(event.raw);
    else if (this.#early.length < MAX_EARLY) this.#early.push(event);
  }

  refused(branch: ListenBranch, answer: WholeAnswer): void {
    this.#refusal ??= answer;
    this.#gone(branch, false);
  }

  completed(branch: ListenBranch, event: SseEvent): void {
    this.#completed.add(branch.replica.slot);
    this.#farewell = event;
    this.#gone(branch, true);
  }

  broken(branch: ListenBranch, isDelivered: boolean): void {
    if (!isDelivered) this.#ctx.report({ server: this.server, slot: branch.replica.slot, kind: 'unreachable' });
    this.#gone(branch, false);
  }

  get #latest(): ServerView {
    return this.#ctx.server(this.server) ?? this.#view;
  }

  #wanted(): ReplicaEndpoint[] {
    const view = this.#latest;
    if (view.policy.affinity.listen === 'fan-out')
      return view.endpoints.filter(({ state }) => state === 'active' || state === 'standby');
    const [current] = this.#branches.keys(),
      kept = current === undefined ? undefined : view.bySlot(current);
    if (kept?.state === 'active' || kept?.state === 'standby') return [kept];
    const resting = [...this.#retryAtMs].filter(([, atMs]) => atMs > this.#ctx.now()).map(([slot]) => slot);
    const chosen = this.#completed.size > 0 ? null : this.#ctx.place(view, new Set(resting));
    return chosen ? [chosen] : [];
  }

  #gone(branch: ListenBranch, isCompleted: boolean): void {
    this.#branches.delete(branch.replica.slot);
    if (!isCompleted) this.#rest(branch.replica.slot);
    this.#settle();
  }

  #rest(slot: string): void {
    const failures = (this.#failures.get(slot) ?? 0) + 1;
    this.#failures.set(slot, failures);
    this.#retryAtMs.set(slot, this.#ctx.now() + REOPEN_MS + pauseBefore(failures + 1, this.#ctx.random));
  }

  /** A subscription is no call that a breaker could learn from: it only stays away from a replica that is broken. */
  #isOpenTo(slot: string): boolean {
    const gate = this.#ctx.breakers.gate(this.server, slot, null, this.#ctx.now());
    if (gate.kind === 'reject') this.#retryAtMs.set(slot, this.#ctx.now() + gate.retryAfterMs);
    else if (gate.permit !== null) this.#ctx.breakers.release(gate.permit, this.#ctx.now());
    return gate.kind !== 'reject';
  }

  /** After each change: is the acknowledgement due, is it over? */
  #settle(): void {
    if (this.#isOver) return;
    const branches = [...this.#branches.values()];
    if (
      !this.#isAcknowledged &&
      this.#acknowledgements.length > 0 &&
      branches.every(({ isAcknowledged }) => isAcknowledged)
    )
      this.#acknowledge();
    if (branches.length > 0) return;
    if (this.#farewell && !this.#hasBroken) {
      if (this.#client.isFresh) return this.#fail('noReplica');
      if (!this.#isAcknowledged) this.#acknowledge();
      this.#client.end(this.#farewell.raw);
      return this.#end(this.#client.status);
    }
    if (!this.#client.isFresh) return; // the next look finds replicas
    if (this.#refusal) {
      const { status, headers, body } = this.#refusal;
      this.#client.whole(status, headers, body);
      return this.#end(status);
    }
    this.#fail('noReplica');
  }

  /** A replica whose stream broke may be back soon: then not all is said. */
  get #hasBroken(): boolean {
    return this.#retryAtMs.size > 0;
  }

  #acknowledge(): void {
    if (this.#isAcknowledged || this.#isOver) return;
    this.#isAcknowledged = true;
    if (this.#ackTimer) clearTimeout(this.#ackTimer);
    if (this.#acknowledgements.length > 0) this.#write(sseMessage(mergeAcknowledgements(this.#acknowledgements)));
    for (const { raw } of this.#early) this.#write(raw);
    this.#early = [];
  }

  #write(bytes: Buffer | string): void {
    if (this.#isOver || this.#client.write(bytes, this.#ctx.now())) return;
    for (const branch of this.#branches.values()) branch.pause();
  }

  #fail(kind: 'noReplica' | 'overload' | 'internal'): void {
    this.#client.errors(
      MESH_ERROR[kind].status,
      meshErrors(kind, requestIds(this.#body.rpc), {
        server: this.server,
        replica: null,
        attempts: 1,
        outcome: 'not_sent',
        retrySafe: true,
        sessionRecovered: false,
      }),
    );
    this.#end(this.#client.status, outcomeOfError(kind));
  }

  #end(status: number, kind?: 'cancelled' | 'overload' | ReturnType<typeof outcomeOfError>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#ackTimer) clearTimeout(this.#ackTimer);
    this.#ctx.modern.listens.delete(this);
    for (const branch of this.#branches.values()) branch.close();
    this.#branches.clear();
    this.#outcome.finish(status, false, kind);
  }
}
