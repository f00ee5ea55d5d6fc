import type { Outcome } from '../../proto/outcome.ts';
import { BreakerTable, type Breaker, type BreakerName, type BreakerSettings } from './breaker-table.ts';
import { classify, isSilent, isSlow } from './classifier.ts';
import type { GateState } from './gate-state.ts';
import { PermitLedger, type Grant } from './permit-ledger.ts';
import type { BreakerLevel, Verdict } from './verdict.ts';

/** `permit` is null when the request needs none; else its id must come back as `Outcome.permit`, or be released. */
export type GateAnswer =
  | { kind: 'admit'; permit: string | null }
  | { kind: 'reject'; breaker: BreakerName; retryAfterMs: number };

/** What the breakers tell: for metrics and for the fleet. */
export interface BreakerListener {
  onChange?: (breaker: Breaker, state: GateState, nowMs: number) => void;
  onRejected?: (server: string, level: BreakerLevel) => void;
  onSettled?: (server: string, level: BreakerLevel, verdict: Verdict) => void;
  onEvicted?: () => void;
}

export interface BreakersOptions {
  /** Tells this process's permits from its neighbours'; any text that is unique in the node. */
  permitPrefix?: string;
  maxBreakers?: number;
  listener?: BreakerListener;
}

const NO_PERMIT_NEEDED: GateAnswer = { kind: 'admit', permit: null };

/**
 * The breakers of every server, in front of each replica (slot) and each tool. Requests ask {@link gate}; outcomes, and nothing else,
 * teach through {@link observe}.
 */
export class Breakers {
  readonly table: BreakerTable;
  readonly #permits: PermitLedger;
  readonly #listener: BreakerListener;

  constructor({ permitPrefix = 'p', maxBreakers = 10_000, listener = {} }: BreakersOptions = {}) {
    this.#listener = listener;
    this.#permits = new PermitLedger(permitPrefix);
    this.table = new BreakerTable({
      maxBreakers,
      onChange: (breaker, state, nowMs) => {
        listener.onChange?.(breaker, state, nowMs);
      },
      onEvicted: () => {
        listener.onEvicted?.();
      },
    });
  }

  configure(settings: BreakerSettings): void {
    this.table.configure(settings);
  }

  /** May this request go to this slot, and call this tool? `tool` is null for anything but tools/call. */
  gate(server: string, slot: string | null, tool: string | null, nowMs: number): GateAnswer {
    const replica = slot === null ? undefined : this.table.find(server, 'replica', slot);
    const toolBreaker = tool === null ? undefined : this.table.find(server, 'tool', tool);
    if (!replica && !toolBreaker) return NO_PERMIT_NEEDED;
    const grant: Grant = {};
    for (const breaker of [replica, toolBreaker]) {
      if (!breaker) continue;
      const answer = breaker.gate.acquire(nowMs);
      if (answer.kind === 'reject') {
        grant.replica?.gate.settle(grant.replica.permit, 'ignore', false, nowMs);
        this.#listener.onRejected?.(server, breaker.level);
        return {
          kind: 'reject',
          breaker: { server, level: breaker.level, key: breaker.key },
          retryAfterMs: answer.retryAfterMs,
        };
      }
      // Only trials are followed one by one; a closed gate learns from every outcome anyway.
      if (breaker.gate.state.kind === 'half-open')
        grant[breaker.level] = { gate: breaker.gate, permit: answer.permit, key: breaker.key };
    }
    if (!grant.replica && !grant.tool) return NO_PERMIT_NEEDED;
    return { kind: 'admit', permit: this.#permits.add(grant) };
  }

  /** What the replica's breaker would say now, taking nothing: `trial` when it wants a request to judge by. */
  peek(server: string, slot: string, nowMs: number): 'admits' | 'trial' | 'rejects' {
    return this.table.find(server, 'replica', slot)?.gate.peek(nowMs) ?? 'admits';
  }

  /** Gives a permit back whose request was never sent, or whose fate no outcome will tell. */
  release(permit: string | null, nowMs: number): void {
    this.#permits.settleAll(permit, 'ignore', nowMs);
  }

  /**
   * An attempt met a fault of this replica and the request went on elsewhere, so that no outcome will tell of it. Without this a replica
   * that drops every call, each of them repeated on another one, would look perfect.
   */
  attemptFailed(server: string, slot: string, permit: string | null, startedAtMs: number, nowMs: number): void {
    const grant = this.#permits.take(permit);
    const held = grant?.replica;
    if (held?.key === slot) {
      held.gate.settle(held.permit, 'failure', false, nowMs);
      this.#listener.onSettled?.(server, 'replica', 'failure');
    } else
      this.table.findOrMake({ server, level: 'replica', key: slot })?.gate.record('failure', false, startedAtMs, nowMs);
    for (const rest of [grant?.replica, grant?.tool]) rest?.gate.settle(rest.permit, 'ignore', false, nowMs);
  }

  /** Learns from one request. A sink of the OutcomeBus. */
  observe(outcome: Outcome, nowMs: number): void {
    const grant = this.#permits.take(outcome.permit);
    const settings = this.table.settings(outcome.server);
    if (settings) {
      if (outcome.slot !== null) this.#judge(settings, 'replica', outcome.slot, outcome, grant, nowMs);
      if (outcome.tool !== null) this.#judge(settings, 'tool', outcome.tool, outcome, grant, nowMs);
    }
    // What the outcome didn't speak of (another slot answered, no tool was read) is given back.
    for (const held of [grant?.replica, grant?.tool]) held?.gate.settle(held.permit, 'ignore', false, nowMs);
  }

  #judge(
    settings: BreakerSettings,
    level: BreakerLevel,
    key: string,
    outcome: Outcome,
    grant: Grant | undefined,
    nowMs: number,
  ): void {
    const policy = level === 'replica' ? settings.replicaBreaker : settings.toolBreaker;
    let breaker = this.table.find(outcome.server, level, key);
    // A breaker that never saw a fault has nothing to forget: most are never made. A rate needs its successes too.
    if (
      !breaker &&
      (outcome.kind === 'server_error' ||
        this.#verdict(settings, level, undefined, outcome, nowMs) === 'failure' ||
        (policy.form === 'rate' && outcome.kind === 'success'))
    )
      breaker = this.table.findOrMake({ server: outcome.server, level, key });
    if (!breaker) return;
    const verdict = this.#verdict(settings, level, breaker, outcome, nowMs);
    const slow = isSlow(outcome, policy.slowCallMs);
    const held = grant?.[level];
    if (held?.key !== key) return breaker.gate.record(verdict, slow, outcome.startedAtMs, nowMs);
    held.gate.settle(held.permit, verdict, slow, nowMs);
    this.#listener.onSettled?.(outcome.server, level, verdict);
  }

  #verdict(
    settings: BreakerSettings,
    level: BreakerLevel,
    breaker: Breaker | undefined,
    outcome: Outcome,
    nowMs: number,
  ): Verdict {
    const name = outcome.tool ?? outcome.method;
    if (level === 'replica' && breaker) {
      if (outcome.kind === 'server_error') breaker.spread.failed(name, nowMs);
      else if (outcome.kind === 'success') breaker.spread.succeeded(name);
    }
    const verdict = classify(outcome.kind, level, {
      countToolErrors: settings.countToolErrors,
      isServerErrorWidespread: breaker?.spread.isWide(nowMs) ?? false,
    });
    return verdict === 'success' && isSilent(outcome.method) ? 'ignore' : verdict;
  }
}
