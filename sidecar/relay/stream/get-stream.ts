import type { SessionRecord } from '../../../proto/session-record.ts';
import type { RecoveryReason } from '../../../proto/recovery-reason.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import { INTERNAL_FAILURE, type ReplicaFailure } from '../../replica/client.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { goneLocation } from '../call/bring-back.ts';
import { upstreamSessionOf, type WholeAnswer } from '../call/target.ts';
import { liveQuery } from '../client/live-query.ts';
import { locateSession, type SessionLocation } from '../call/locate-session.ts';
import { MESH_ERROR, errorOfRefusal, type MeshError } from '../client/mesh-errors.ts';
import { probeSession } from '../call/probe-session.ts';
import type { RelayContext } from '../relay-context.ts';
import { afterRefusal } from './after-refusal.ts';
import { BackOff, SHORT_LIFE_MS } from './back-off.ts';
import { openAtNeighbour } from './open-at-neighbour.ts';
import { StreamAdmission, type Release } from './stream-admission.ts';
import { deadlineMs } from '../call/deadline.ts';
import { askForStream, streamHeaders, type AskedStream } from './ask-for-stream.ts';
import { StreamClient } from './stream-client.ts';
import { Takeover } from './takeover.ts';
import { StreamMachine } from './stream-machine.ts';
import { answered, callOf, type HandedOverStream, type OpenStream, type StreamState } from './stream-state.ts';

/** A client's GET stream: held for as long as the client wants it, over as many upstream sessions as it takes. */
export class GetStream {
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #digest: string;
  readonly #client: ClientAnswer;
  readonly told: StreamClient;
  readonly #asked: AskedStream;
  readonly headers: string[];
  readonly server: string;
  readonly #backOff = new BackOff();
  readonly #admission: StreamAdmission;
  readonly #takeover: Takeover;
  readonly #machine: StreamMachine;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, digest: string, client: ClientAnswer) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.server = request.server;
    this.#digest = digest;
    this.#client = client;
    this.#machine = new StreamMachine(client, this.#backOff, ctx.now);
    this.#admission = new StreamAdmission(ctx, view);
    this.#takeover = new Takeover(ctx, digest, this);
    const asked = streamHeaders(request.incoming.rawHeaders, view.policy.hostOverride, ctx.identities);
    this.headers = asked.headers;
    this.told = new StreamClient(ctx, view, request, digest, client, asked.lastEventId);
    this.#asked = { ctx, view, path: request.path, headers: this.headers, client, told: this.told };
    client.onGone(() => this.#over(() => this.told.finish('cancelled')));
    client.onDrain(() => callOf(this.#machine.state)?.resume());
    client.onCrash = () => this.#fail('internal');
  }

  async run(): Promise<void> {
    const missing = this.#ctx.missingStreams.of(this.#view);
    if (missing !== undefined) return this.#pass({ status: missing, headers: {}, body: Buffer.alloc(0) });
    const most = this.#view.policy.limits.streamsPerSession;
    for (let ended = this.#ctx.streams.add(this.server, this.#digest, this, most); ended > 0; ended -= 1)
      this.#ctx.metrics.refused(this.server, 'streams_per_session');
    const { clientId, shown } = this.#request;
    const located = await locateSession(this.#ctx, this.#view, clientId ?? '', this.#digest, shown);
    if (this.#machine.state.is !== 'locating') return;
    switch (located.kind) {
      case 'unknown':
        return this.#fail('sessionNotFound');
      case 'unsure':
        return this.#toNeighbour();
      case 'at':
        return this.#openUnlessLost(located.location);
      case 'move':
        // A stream alone moves nobody from a replica that still works.
        if (located.fallback) return this.#open(located.fallback);
        return this.#recover(goneLocation(located.record), located.reason);
    }
  }

  /** The session is at another replica now. `record` is null when another node moved it. */
  moved(record: SessionRecord | null): void {
    const state = this.#machine.state;
    if (!('target' in state)) return;
    if (record) return this.#follow(state.target, record);
    this.#client.guard(async () => {
      const found = await this.#ctx.directory.find(this.server, this.#digest);
      if (found.kind === 'live' && this.#machine.state === state) this.#follow(state.target, found.record);
    });
  }

  /** The session was deleted, or this relay ends. */
  readonly ended = (): void => this.#over(() => this.told.end());

  #over(tell: () => void): void {
    if (this.#machine.state.is === 'over') return;
    this.#machine.enter({ is: 'over' });
    this.#ctx.streams.delete(this.server, this.#digest, this);
    tell();
  }

  #pass(answer: WholeAnswer): void {
    this.#over(() => this.told.pass(answer));
  }

  /**
   * The error, as long as the client has heard nothing; else the end of its stream: it opens another one. When only the
   * replicas are away, the stream of a known session is held open without one. Go's client ends its session on a 5xx
   * here.
   */
  #fail(kind: MeshError): void {
    const target = 'target' in this.#machine.state ? this.#machine.state.target : null;
    if (target !== null && this.#client.isFresh && MESH_ERROR[kind].status === 503) {
      this.told.openedWithoutReplica();
      return this.#wait(target);
    }
    this.#over(() => (this.#client.isFresh ? this.told.fail(kind, target?.replica.slot ?? null) : this.told.end()));
  }

  #openUnlessLost(target: SessionLocation): void {
    if (this.told.answersLost(target)) this.#over(() => undefined);
    else this.#open(target);
  }

  #open(target: SessionLocation): void {
    if (this.#client.isFresh && !this.#backOff.mayAsk()) return this.#fail('noReplica');
    const admitting: StreamState = { is: 'admitting', target };
    this.#machine.enter(admitting);
    this.#client.guard(async () => {
      const release = await this.#admission.enter();
      if (this.#machine.state !== admitting) return release?.();
      return release ? this.#send(target, release) : this.#fail('overload');
    });
  }

  #send(target: SessionLocation, release: Release): void {
    if (this.#admission.rejectedForMs(target.replica.slot) !== null) {
      release();
      if (this.#client.isFresh) this.told.openedWithoutReplica();
      return this.#wait(target);
    }
    const open: OpenStream = { is: 'open', target, call: null, sinceMs: null, release, late: undefined };
    this.#machine.enter(open);
    this.told.outcome.sent(target.replica, null);
    if ((target.record?.epoch ?? 0) > 0 && this.#client.isFresh) this.told.mustCatchUp = true;
    const lateMs = deadlineMs(this.#view.policy, 'GET', null);
    if (lateMs > 0) open.late = setTimeout(() => this.#client.guard(() => this.#late(open)), lateMs);
    askForStream(this.#asked, open, {
      isCurrent: () => this.#machine.state === open,
      opened: (status, given) => {
        open.sinceMs = this.#ctx.now();
        this.#takeover.won();
        answered(open);
        this.told.opened(status, given, target);
      },
      heard: () => this.#backOff.heard(),
      refused: (answer) => this.#refused(open, answer),
      finished: (isCut) => this.#finished(open, isCut),
      failed: (failure) => this.#failed(open, failure),
    });
  }

  /** Its answer does not begin. A server may begin it with its first event: only a session that is gone is no such one. */
  async #late(open: OpenStream): Promise<void> {
    const { target } = open;
    const state = await probeSession(this.#ctx, this.#view.policy, target, this.headers);
    if (this.#machine.state !== open || open.sinceMs !== null) return;
    if (state !== 'alive') return this.#recover(target, state);
    if (this.#client.isFresh) this.#client.openSse(200, {}, this.#ctx.now());
  }

  /** The replica answers without a stream. */
  #refused({ target }: OpenStream, answer: WholeAnswer): void {
    const hasEventId = this.told.lastEventId !== undefined;
    switch (afterRefusal(answer.status, { isFresh: this.#client.isFresh, hasEventId })) {
      case 'none-here':
        return this.#noStream(answer);
      case 'probe':
        return this.#probe(target, () => this.#noStream(answer));
      case 'from-now':
        this.told.startFromNow();
        return this.#open(target);
      case 'wait':
        if (answer.status === 409 && this.#takeover.isHeldByTheDead) return this.#recover(target, 'stream-held');
        return this.#wait(target);
      case 'pass':
        return answer.status === 409 ? this.#takeOver(target, answer) : this.#pass(answer);
    }
  }

  #takeOver(target: SessionLocation, answer: WholeAnswer): void {
    this.#machine.during(
      { is: 'claiming', target },
      () => this.#takeover.begin(),
      (asked) => {
        if (asked === 'nobody') return this.#pass(answer);
        if (asked === 'asked') this.told.openedWithoutReplica();
        this.#wait(target);
      },
    );
  }

  /** This server has no GET stream: its clients do without, and its sessions stay where they are. */
  #noStream(answer: WholeAnswer): void {
    this.#ctx.missingStreams.note(this.#view, answer.status);
    this.#pass(answer);
  }

  #finished({ target, sinceMs }: OpenStream, isCut: boolean): void {
    if (isCut) return this.#over(() => this.told.cut());
    const livedMs = sinceMs === null ? 0 : this.#ctx.now() - sinceMs;
    // A server that gives ids wants its streams resumed by the client; one that ends them at once doesn't want any.
    if (this.told.lastEventId !== undefined || livedMs < SHORT_LIFE_MS) return this.ended();
    this.#probe(target, () => this.#reopen(target));
  }

  #failed({ target }: OpenStream, { code, delivery }: ReplicaFailure): void {
    if (code === INTERNAL_FAILURE) return this.#fail('internal');
    if (delivery === 'not_sent') return this.#recover(target, 'unreachable');
    this.#probe(target, () => this.#reopen(target));
  }

  /** Only the connection broke. */
  #reopen(target: SessionLocation): void {
    this.told.mustCatchUp = this.told.lastEventId === undefined;
    this.#wait(target);
  }

  #wait(target: SessionLocation): void {
    const timer = setTimeout(() => this.#client.guard(() => this.#open(target)), this.#backOff.pauseMs());
    this.#machine.enter({ is: 'waiting', target, timer });
  }

  /** Is the session gone, or only the connection? */
  #probe(target: SessionLocation, alive: () => void): void {
    this.#machine.during(
      { is: 'probing', target },
      () => probeSession(this.#ctx, this.#view.policy, target, this.headers),
      (state) => (state === 'alive' ? alive() : this.#recover(target, state)),
    );
  }

  #recover(target: SessionLocation, reason: RecoveryReason): void {
    if (!this.#backOff.mayRecover) return this.#fail('recoveryFailed');
    const lost = { server: this.server, digest: this.#digest, headers: this.headers, target, reason };
    const urgency = this.#client.isFresh ? 'triggered' : 'background';
    this.#machine.during(
      { is: 'recovering', target },
      () => this.#backOff.counted(this.told.bringBack({ ...lost, query: liveQuery(this.#request.path), urgency })),
      (recovered) => this.#recovered(target, recovered),
    );
  }

  #recovered(target: SessionLocation, recovered: Recovered): void {
    if (recovered.kind === 'recovered') return this.#follow(target, recovered.record);
    const { reason, answer } = recovered;
    const isGone = reason === 'unknown' || reason === 'capability' || reason === 'policy';
    if (!this.#client.isFresh) {
      // Without the right to rebuild it there is nothing to hold on to; the client's next request says why.
      return isGone || reason === 'unauthorized' ? this.ended() : this.#wait(target);
    }
    if (reason === 'unsure') return this.#toNeighbour();
    if (reason === 'unauthorized' && answer) return this.#pass(answer);
    this.#fail(errorOfRefusal(reason, this.#view.policy.onReplicaLoss));
  }

  #follow(former: SessionLocation, record: SessionRecord): void {
    const replica = this.#ctx.server(this.server)?.bySlot(record.slot);
    if (!replica) return this.#wait(former);
    const target: SessionLocation = { replica, upstreamId: record.upstreamId, record };
    if (upstreamSessionOf(former) === upstreamSessionOf(target)) {
      if (this.#machine.state.is === 'open') this.#machine.state.target = target;
      else this.#open(target);
      return;
    }
    this.told.mustCatchUp = true;
    if (this.told.answersLost(target)) return this.#over(() => undefined);
    this.told.lastEventId = undefined; // ids of events mean something only to the upstream session that gave them
    this.#open(target);
  }

  /** Another gateway may know the session that this one can't find out about: it holds the stream then. */
  #toNeighbour(): void {
    if (this.#machine.state.is === 'handed-over' || !this.#client.isFresh) return this.#fail('sessionUnsure');
    const handedOver: HandedOverStream = { is: 'handed-over', call: null };
    this.#machine.enter(handedOver);
    handedOver.call = openAtNeighbour(this.#ctx, this.#view, this.#request, this.#client, {
      passed: (status) => this.#over(() => this.told.finish(status < 400 ? 'success' : 'client_fault')),
      over: () => this.#fail('sessionUnsure'),
    });
    if (!handedOver.call) this.#fail('sessionUnsure');
  }
}
