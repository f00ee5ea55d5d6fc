import type { Outcome } from '../../proto/outcome.ts';
import type { BreakerPolicy } from '../../proto/server-policy.ts';
import { isKnownMethod } from '../metrics/method-label.ts';
import { BreakerTable, type Breaker, type BreakerName, type BreakerSettings } from './breaker-table.ts';
import { classify, isSilent, isSlow } from './classifier.ts';
import { witnessOf, type Witness } from './evidence.ts';
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
  /** Calls speak against this replica, but too few clients, or only because time ran out. */
  onDoubt?: (server: string, slot: string) => void;
}

/** An attempt that failed at a replica, of a request that went on elsewhere. */
export interface FailedAttempt {
  server: string;
  slot: string;
  permit: string | null;
  startedAtMs: number;
  session: string | null;
  client?: string | null;
}

export interface BreakersOptions {
  /** Tells this process's permits from its neighbours'; any text that is unique in the node. */
  permitPrefix?: string;
  maxBreakers?: number;
  listener?: BreakerListener;
  /** Whether the server lists this tool: clients invent names, and those have no breaker. Default: every one is. */
  isListed?: (server: string, tool: string) => boolean;
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
  readonly #isListed: (server: string, tool: string) => boolean;

  constructor({
    permitPrefix = 'p',
    maxBreakers = 10_000,
    listener = {},
    isListed = () => true,
  }: BreakersOptions = {}) {
    this.#isListed = isListed;
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
  attemptFailed(attempt: FailedAttempt, nowMs: number): void {
    const { server, slot, permit, startedAtMs } = attempt;
    const grant = this.#permits.take(permit);
    const settings = this.table.settings(server);
    const breaker = settings && this.table.findOrMake({ server, level: 'replica', key: slot });
    if (settings && breaker)
      this.#count(breaker, settings.replicaBreaker, 'failure', false, {
        startedAtMs,
        nowMs,
        grant,
        witness: witnessOf(attempt),
      });
    for (const rest of [grant?.replica, grant?.tool]) rest?.gate.settle(rest.permit, 'ignore', false, nowMs);
  }

  /** The gateway's own check of the replica failed: its breaker opens without anybody else's word. */
  foundDead(server: string, slot: string, nowMs: number): void {
    this.table.findOrMake({ server, level: 'replica', key: slot })?.gate.found(nowMs);
  }

  /** Learns from one request. A sink of the OutcomeBus. */
  observe(outcome: Outcome, nowMs: number): void {
    const grant = this.#permits.take(outcome.permit);
    const settings = this.table.settings(outcome.server);
    if (settings) {
      if (outcome.slot !== null) this.#judge(settings, 'replica', outcome.slot, outcome, grant, nowMs);
      if (outcome.tool !== null && this.#isListed(outcome.server, outcome.tool))
        this.#judge(settings, 'tool', outcome.tool, outcome, grant, nowMs);
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
    const isTimeout = outcome.isTimeout === true && level === 'replica';
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
    if (isTimeout) {
      breaker.evidence.timedOut();
      return this.#doubt(breaker, policy);
    }
    const verdict = this.#verdict(settings, level, breaker, outcome, nowMs);
    const slow = isSlow(outcome, policy.slowCallMs);
    this.#count(breaker, policy, verdict, slow, {
      startedAtMs: outcome.startedAtMs,
      nowMs,
      grant,
      witness: witnessOf(outcome),
    });
  }

  /** Hands a verdict to the gate, unless its witness has spoken a moment ago. */
  #count(
    breaker: Breaker,
    policy: BreakerPolicy,
    verdict: Verdict,
    isSlow: boolean,
    { startedAtMs, nowMs, grant, witness }: Counted,
  ): void {
    const { server, level, key, gate, evidence } = breaker;
    const isAgainst = verdict === 'failure' || (isSlow && policy.form === 'rate' && verdict === 'success');
    const isNews = verdict === 'ignore' || evidence.hear(isAgainst, witness, policy, nowMs);
    const counted = isNews ? verdict : 'ignore';
    const held = grant?.[level];
    if (held?.key === key) {
      held.gate.settle(held.permit, counted, isSlow, nowMs);
      this.#listener.onSettled?.(server, level, counted);
    } else gate.record(counted, isSlow, startedAtMs, nowMs);
    if (isAgainst) this.#doubt(breaker, policy);
  }

  /** Calls speak against a replica, but it is not shut out: somebody had better look. */
  #doubt({ server, level, key, gate, evidence }: Breaker, { threshold }: BreakerPolicy): void {
    if (level !== 'replica') return;
    const { kind } = gate.state;
    if (kind === 'half-open' || (kind === 'closed' && evidence.failuresInARow >= threshold))
      this.#listener.onDoubt?.(server, key);
  }

  #verdict(
    settings: BreakerSettings,
    level: BreakerLevel,
    breaker: Breaker | undefined,
    outcome: Outcome,
    nowMs: number,
  ): Verdict {
    const name = this.#spreadName(outcome);
    if (level === 'replica' && breaker && name !== null) {
      if (outcome.kind === 'server_error') breaker.spread.failed(name, nowMs);
      else if (outcome.kind === 'success') breaker.spread.succeeded(name);
    }
    const verdict = classify(outcome.kind, level, {
      countToolErrors: settings.countToolErrors,
      isServerErrorWidespread: name !== null && (breaker?.spread.isWide(nowMs) ?? false),
    });
    return verdict === 'success' && isSilent(outcome.method) ? 'ignore' : verdict;
  }

  /** Under which name server errors of it are spread; null for names that only the client knows. */
  #spreadName({ server, tool, method }: Outcome): string | null {
    if (tool !== null) return this.#isListed(server, tool) ? tool : null;
    return isKnownMethod(method) ? method : null;
  }
}

interface Counted {
  startedAtMs: number;
  nowMs: number;
  grant: Grant | undefined;
  witness: Witness;
}
