import type { IncomingHttpHeaders } from 'node:http';
import type { RpcMessage } from '../../../proto/json-rpc.ts';
import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import { sseMessage } from '../../../proto/sse-writer.ts';
import type { ServerView } from '../../xds/topology.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest, PostBody } from '../client/client-request.ts';
import type { WholeAnswer } from '../call/target.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, requestIds } from '../client/mesh-errors.ts';
import { deadlineMs } from '../call/deadline.ts';
import { StreamAdmission } from '../stream/stream-admission.ts';
import { ListenPace } from './listen-pace.ts';
import type { RelayContext } from '../relay-context.ts';
import { mergeAcknowledgements } from './acknowledgement.ts';
import { ListenBranch, type BranchListener } from './listen-branch.ts';

/** The client's acknowledgement waits this long for the replicas that are slower than the first. */
const ACK_WAIT_MS = 300;
/** Its method. */
const LISTEN = 'subscriptions/listen';
/** Notifications kept while the acknowledgement is awaited; it lasts a moment, and more than this in it say nothing new. */
const MAX_EARLY = 1000;

/**
 * One client's `subscriptions/listen`. Events happen in one process, so the subscription is open at every replica (or at one, by policy).
 * The client sees one stream, with one acknowledgement. The request goes to each replica as it is, so the subscription id stays. Replicas
 * come and go beneath it.
 */
export class ListenStream implements BranchListener {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #body: PostBody;
  readonly #outcome: RequestOutcome;
  readonly #headers: string[];
  readonly #branches = new Map<string, ListenBranch>();
  /** Slots that said all they had to say. */
  readonly #completed = new Set<string>();
  readonly #pace: ListenPace;
  readonly #acknowledgements: Record<string, unknown>[] = [];
  #early: SseEvent[] = [];
  #ackTimer: NodeJS.Timeout | null = null;
  #isAcknowledged = false;
  #refusal: WholeAnswer | null = null;
  #finalResponse: SseEvent | null = null;
  /** A replica gave no sign of life. */
  #hasExpired = false;
  #isOver = false;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer, body: PostBody) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#body = body;
    this.#outcome = new RequestOutcome(ctx, request, body.rpc);
    this.#headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    this.#pace = new ListenPace(new StreamAdmission(ctx, view), ctx.random);
    client.onGone(() => this.#end(0, 'cancelled'));
    client.onCrash = () => (client.isFresh ? this.#fail('internal') : this.close());
    client.onDrain(() => {
      for (const branch of this.#branches.values()) branch.resume();
    });
  }

  run(): void {
    if (!this.#ctx.listens.add(this)) return this.#fail('overload');
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
    for (const slot of this.#completed) if (!view.bySlot(slot)) this.#completed.delete(slot);
    this.#pace.keepOnly((slot) => view.bySlot(slot) !== undefined);
    for (const [slot, replica] of wanted) {
      if (this.#branches.has(slot) || this.#completed.has(slot)) continue;
      const isFirst = view.policy.affinity.listen === 'fan-out' || this.#pace.attempts === 0;
      if (this.#pace.mayAsk(slot, isFirst, this.#ctx.now())) this.#open(slot, replica);
    }
    this.#settle();
  }

  #open(slot: string, replica: ReplicaEndpoint): void {
    this.#outcome.sent(replica, null);
    this.#branches.set(
      slot,
      new ListenBranch(
        replica,
        this,
        this.#client,
        (answer) =>
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
        deadlineMs(this.#view.policy, LISTEN, null),
      ),
    );
  }

  /** This relay ends. */
  close(): void {
    this.#client.end();
    this.#end(this.#client.status);
  }

  opened(branch: ListenBranch, status: number, headers: IncomingHttpHeaders): void {
    this.#pace.opened(branch.replica.slot, this.#ctx.now());
    if (this.#client.isFresh) this.#client.openSse(status, headers, this.#ctx.now());
  }

  acknowledged(_branch: ListenBranch, data: Buffer): void {
    if (this.#isAcknowledged) return;
    this.#acknowledgements.push(parseJsonObject(data) ?? {});
    this.#ackTimer ??= setTimeout(() => this.#client.guard(() => this.#acknowledge()), ACK_WAIT_MS);
    this.#settle();
  }

  notified(_branch: ListenBranch, message: RpcMessage, event: SseEvent): void {
    if (message.method === 'notifications/tools/list_changed') this.#ctx.tools.forget(this.server);
    this.#ctx.cache.changed(this.server, message.method, message.uri);
    if (this.#isAcknowledged) this.#write(event.raw);
    else if (this.#early.length < MAX_EARLY) this.#early.push(event);
  }

  refused(branch: ListenBranch, answer: WholeAnswer): void {
    this.#refusal ??= answer;
    this.#gone(branch, false);
  }

  completed(branch: ListenBranch, event: SseEvent): void {
    this.#completed.add(branch.replica.slot);
    this.#finalResponse = event;
    this.#gone(branch, true);
  }

  expired(branch: ListenBranch): void {
    this.#hasExpired = true;
    this.#ctx.report({ server: this.server, slot: branch.replica.slot, kind: 'hanging' });
    this.#gone(branch, false);
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
    const chosen = this.#completed.size > 0 ? null : this.#ctx.place(view, this.#pace.resting(this.#ctx.now()));
    return chosen ? [chosen] : [];
  }

  #gone(branch: ListenBranch, isCompleted: boolean): void {
    this.#branches.delete(branch.replica.slot);
    if (!isCompleted) this.#pace.ended(branch.replica.slot, this.#ctx.now());
    // Where one replica is enough, another one is asked at once, as for any other request.
    const { limits, affinity } = this.#view.policy;
    const mayGoElsewhere = affinity.listen === 'one' && this.#client.isFresh && this.#refusal === null;
    if (!isCompleted && mayGoElsewhere && this.#pace.attempts < limits.attempts) return this.reconcile();
    this.#settle();
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
    if (this.#finalResponse && !this.#pace.hasBroken) {
      if (this.#client.isFresh) return this.#fail('noReplica');
      if (!this.#isAcknowledged) this.#acknowledge();
      this.#client.end(this.#finalResponse.raw);
      return this.#end(this.#client.status);
    }
    // The next look finds replicas, where it may ask them.
    if (!this.#client.isFresh) return this.#pace.isForbidden ? this.close() : undefined;
    if (this.#refusal) {
      const { status, headers, body } = this.#refusal;
      this.#client.whole(status, headers, body);
      return this.#end(status);
    }
    this.#fail(this.#hasExpired ? 'deadline' : 'noReplica');
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

  #fail(kind: 'noReplica' | 'overload' | 'internal' | 'deadline'): void {
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
    this.#ctx.listens.delete(this);
    for (const branch of this.#branches.values()) branch.close();
    this.#branches.clear();
    this.#pace.close();
    this.#outcome.finish(status, false, kind);
  }
}
