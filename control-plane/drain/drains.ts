import { bugsOnly } from '../../proto/bugs-only.ts';
import { detach } from '../../proto/detach.ts';
import { REDIS } from '../../proto/wire.ts';
import type { EventLog, NewEvent } from '../events/event.ts';
import type { Lease } from '../lease/lease.ts';
import type { SharedState } from '../lease/shared-state.ts';
import { drainKey, drainsSchema, type Drain, type DrainTarget } from './drain.ts';
import { drainWarning } from './drain-warning.ts';
import { drainProgress, type Remaining } from './drain-progress.ts';

/** One replica as drains see it. */
export interface DrainableReplica {
  server: string;
  backend: string;
  replica: string;
  address: string;
  slot: string;
  isHealthy: boolean;
  formerIncarnationSeenAtMs: number | null;
}

export interface DrainsOptions {
  state: SharedState;
  lease: Lease;
  events: EventLog;
  /** null before the first topology: a replica that is not there then is not gone. */
  replicas: () => readonly DrainableReplica[] | null;
  gateways: () => readonly string[];
  /** Sessions and calls on one slot. */
  remainingOn: (server: string, slot: string) => Promise<Remaining>;
  /** Calls that a gateway's relays hold; null when nobody counts them. */
  inFlightOfGateway: (gateway: string) => Promise<number | null>;
  /** The set of drains changed. */
  onChange: () => void;
  now?: () => number;
  tickMs?: number;
  onError?: (error: unknown) => void;
}

export interface DrainStatus extends Drain {
  remaining: Remaining;
}
export type DrainAnswer = { drain: Drain } | { problem: string };
/** `warning`: what clients will notice, because nothing is left that could take over. */
export type DrainStart = { drain: Drain; warning: string | null } | { problem: string };

/** What operators take out, kept in shared state until they take it in again. */
export class Drains {
  readonly #options: Required<DrainsOptions>;
  readonly #timer: NodeJS.Timeout;
  #drains: readonly Drain[] = [];
  /** By target: sessions that were left when this control plane last looked, and since when there are so few. */
  readonly #left = new Map<string, { sessions: number; sinceMs: number }>();
  #ticking: Promise<void> | null = null;

  constructor(options: DrainsOptions) {
    this.#options = { now: Date.now, tickMs: 500, onError: () => {}, ...options };
    this.#timer = setInterval(() => {
      detach(this.tick(), this.#options.onError);
    }, this.#options.tickMs);
  }

  current(): readonly Drain[] {
    return this.#drains;
  }

  /** Drains with what is left, read now: the reason of one that goes on says how far it is. */
  async status(): Promise<DrainStatus[]> {
    return Promise.all(
      this.#drains.map(async (drain) => {
        const remaining = await this.#remaining(drain.target);
        return {
          ...drain,
          remaining,
          reason: drainProgress(drain, remaining, this.#isGone(drain.target), drain.startedAtMs, this.#options.now())
            .reason,
        };
      }),
    );
  }

  /** Begins a drain; asking again gives the one that is under way, with the new deadline. `by`: who asked, for the events. */
  async start(wanted: DrainTarget, deadlineMs: number, untilRestart: boolean, by?: string): Promise<DrainStart> {
    const target = this.#resolve(wanted);
    if ('problem' in target) return target;
    const now = this.#options.now();
    const down = target.kind === 'replica' ? this.#members(target).find(({ isHealthy }) => !isHealthy) : undefined;
    let drain: Drain = {
      target,
      startedAtMs: now,
      deadlineAtMs: now + deadlineMs,
      untilRestart,
      ...(down && { downSlot: down.slot }),
      doneAtMs: null,
      reason: 'just started',
    };
    const problem = await this.#change((drains) => {
      const before = drains.find((each) => drainKey(each.target) === drainKey(target));
      if (before && before.doneAtMs === null) drain = { ...before, deadlineAtMs: drain.deadlineAtMs, untilRestart };
      return [...drains.filter((each) => each !== before), drain];
    });
    if (problem) return { problem };
    const warning = this.#warning(target),
      message = `${drainKey(target)}: draining, at most ${Math.round(deadlineMs / 1000)} s`;
    const level = warning === null ? 'info' : 'warning';
    this.#say('drain.started', target, warning === null ? message : `${message}; ${warning}`, { by, level });
    return { drain, warning };
  }

  /** Takes it in again. */
  async end(wanted: DrainTarget, by?: string): Promise<DrainAnswer> {
    const resolved = this.#resolve(wanted),
      target = 'problem' in resolved ? wanted : resolved;
    let found: Drain | undefined;
    const problem = await this.#change((drains) => {
      found = drains.find((each) => drainKey(each.target) === drainKey(target));
      return drains.filter((each) => each !== found);
    });
    if (problem) return { problem };
    if (!found)
      return {
        problem: `${drainKey(target)} is not drained; drained: ${this.#drains.map((each) => drainKey(each.target)).join(', ') || 'nothing'}`,
      };
    this.#say('drain.ended', target, `${drainKey(target)}: takes new sessions again`, { by });
    return { drain: found };
  }

  /** Follows what others wrote and, as the leader, notices what is done. Never rejects. */
  tick(): Promise<void> {
    // While the state can't be reached, what was known stays.
    this.#ticking ??= this.#look()
      .catch(bugsOnly(this.#options.onError))
      .finally(() => {
        this.#ticking = null;
      });
    return this.#ticking;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ticking;
  }

  async #look(): Promise<void> {
    const found = await this.#options.state.read(REDIS.drains);
    this.#become(drainsSchema.safeParse(found?.value ?? []).data ?? []);
    if (!found || !this.#options.lease.isLeader || this.#drains.length === 0 || this.#options.replicas() === null)
      return;
    const now = this.#options.now();
    const looked = await Promise.all(
      this.#drains.map(async (drain) => {
        if (this.#isBack(drain)) return { drain, next: null };
        if (drain.doneAtMs !== null) return { drain, next: drain };
        const remaining = await this.#remaining(drain.target),
          key = drainKey(drain.target),
          before = this.#left.get(key);
        const left =
          before && before.sessions <= remaining.sessions ? before : { sessions: remaining.sessions, sinceMs: now };
        this.#left.set(key, left);
        const { isDone, reason } = drainProgress(drain, remaining, this.#isGone(drain.target), left.sinceMs, now);
        if (isDone) this.#left.delete(key);
        return { drain, next: isDone ? { ...drain, doneAtMs: now, reason } : drain };
      }),
    );
    const changed = looked.filter(({ drain, next }) => next !== drain);
    if (changed.length === 0) return;
    const after = looked.flatMap(({ next }) => next ?? []);
    if ((await this.#options.state.write(REDIS.drains, after, found.revision, this.#options.lease.token)) !== 'ok')
      return;
    this.#become(after);
    for (const { drain, next } of changed) {
      if (next) this.#say('drain.done', drain.target, `${drainKey(drain.target)}: drained: ${next.reason}`);
      else
        this.#say(
          'drain.ended',
          drain.target,
          `${drainKey(drain.target)}: restarted and healthy, takes new sessions again`,
        );
    }
  }

  /** An operator's change, over whatever others write at the same moment. */
  async #change(act: (drains: readonly Drain[]) => Drain[]): Promise<string | null> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const found = await this.#options.state.read(REDIS.drains);
      const after = act(drainsSchema.safeParse(found?.value ?? []).data ?? []);
      if ((await this.#options.state.write(REDIS.drains, after, found?.revision ?? 0, null)) !== 'ok') continue;
      this.#become(after);
      return null;
    }
    return 'drains change too quickly; try again';
  }

  #become(drains: readonly Drain[]): void {
    const isChange =
      JSON.stringify(drains.map(({ target }) => target)) !== JSON.stringify(this.#drains.map(({ target }) => target));
    this.#drains = drains;
    if (isChange) this.#options.onChange();
  }

  #replicas(): readonly DrainableReplica[] {
    return this.#options.replicas() ?? [];
  }

  #members(target: DrainTarget): DrainableReplica[] {
    return this.#replicas().filter(
      (each) =>
        target.kind !== 'gateway' &&
        each.server === target.server &&
        (target.kind === 'backend'
          ? each.backend === target.backend
          : each.replica === target.replica || each.address === target.replica),
    );
  }

  /** The target by its own name, or why there is none. */
  #resolve(target: DrainTarget): DrainTarget | { problem: string } {
    if (target.kind === 'gateway') {
      const known = this.#options.gateways();
      return known.includes(target.gateway)
        ? target
        : { problem: `there is no gateway ${target.gateway}; there are ${known.join(', ') || 'none'}` };
    }
    const [first] = this.#members(target);
    if (first) return target.kind === 'replica' ? { ...target, replica: first.replica } : target;
    const ofServer = this.#replicas().filter(({ server }) => server === target.server);
    if (ofServer.length === 0)
      return {
        problem: `there is no server ${target.server}; there are ${[...new Set(this.#replicas().map(({ server }) => server))].join(', ') || 'none'}`,
      };
    return target.kind === 'backend'
      ? {
          problem: `${target.server} has no backend ${target.backend} with replicas; it has ${[...new Set(ofServer.map(({ backend }) => backend))].join(', ')}`,
        }
      : {
          problem: `${target.server} has no replica ${target.replica}; it has ${ofServer
            .map(({ replica }) => replica)
            .sort()
            .join(', ')}`,
        };
  }

  #warning(target: DrainTarget): string | null {
    const drained = this.#drains.map((each) => each.target);
    return drainWarning(target, {
      replicas: this.#replicas(),
      drainedAddresses: new Set(drained.flatMap((each) => this.#members(each)).map(({ address }) => address)),
      gateways: this.#options.gateways(),
      drainedGateways: new Set(drained.flatMap((each) => (each.kind === 'gateway' ? each.gateway : []))),
    });
  }

  #isGone(target: DrainTarget): boolean {
    return target.kind === 'gateway'
      ? !this.#options.gateways().includes(target.gateway)
      : this.#members(target).every(({ isHealthy }) => !isHealthy);
  }

  /** A restart that was noticed only after the drain began, of a replica that seemed well, is not the one that it waits for. */
  #isBack({ target, untilRestart, downSlot, startedAtMs }: Drain): boolean {
    const members = this.#members(target);
    const isNew = ({ slot, formerIncarnationSeenAtMs }: DrainableReplica): boolean =>
      (downSlot !== undefined && slot !== downSlot) || (formerIncarnationSeenAtMs ?? 0) >= startedAtMs;
    return (
      untilRestart &&
      target.kind === 'replica' &&
      members.length > 0 &&
      members.every((each) => each.isHealthy && isNew(each))
    );
  }

  async #remaining(target: DrainTarget): Promise<Remaining> {
    // Sessions are no gateway's own: whichever node their next request meets goes on with them.
    if (target.kind === 'gateway')
      return { sessions: 0, inFlight: await this.#options.inFlightOfGateway(target.gateway), lastActivityMs: null };
    const each = await Promise.all(
      this.#members(target).map(({ server, slot }) => this.#options.remainingOn(server, slot)),
    );
    return {
      sessions: each.reduce((sum, { sessions }) => sum + sessions, 0),
      inFlight: each.reduce<number | null>(
        (sum, { inFlight }) => (sum === null || inFlight === null ? null : sum + inFlight),
        0,
      ),
      lastActivityMs: each.reduce<number | null>(
        (latest, { lastActivityMs }) => (lastActivityMs === null ? latest : Math.max(latest ?? 0, lastActivityMs)),
        null,
      ),
    };
  }

  #say(kind: string, target: DrainTarget, message: string, more: Pick<NewEvent, 'by' | 'level'> = {}): void {
    const server = target.kind === 'gateway' ? null : target.server;
    const subject =
      target.kind === 'gateway' ? target.gateway : target.kind === 'backend' ? target.backend : target.replica;
    this.#options.events.append({ kind, server, subject, message, ...more });
  }
}
