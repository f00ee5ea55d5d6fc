import type { BreakerPolicy } from '../../proto/server-policy.ts';
import type { Admission, GateState, OperatorState, Permit } from './gate-state.ts';
import { openTimeMs } from './open-time.ts';
import { createPolicy } from './create-policy.ts';
import type { Policy } from './policy.ts';
import type { Verdict } from './verdict.ts';

/** A held half-open permit whose settling never comes is given back after this long, or after the open time if that is longer. */
const PERMIT_MS = 10_000;

export interface GateOptions {
  /** Told of each change of state that this gate made by itself (not of those it was told to make). */
  onChange?: (state: GateState, nowMs: number) => void;
  /** Whether what was counted is to be believed. Default: always. */
  mayOpen?: (state: Readonly<GateState>, nowMs: number) => boolean;
}

/**
 * Admits requests, and moves between closed, open and half-open by what the policy says of their results; counts nothing itself.
 * No clock: every call says what time it is. Constant work and memory per call.
 */
export class Gate {
  readonly #settings: BreakerPolicy;
  readonly #policy: Policy;
  readonly #onChange: (state: GateState, nowMs: number) => void;
  readonly #mayOpen: (state: Readonly<GateState>, nowMs: number) => boolean;
  #state: GateState;
  #generation = 0;

  constructor(settings: BreakerPolicy, { onChange = () => {}, mayOpen = () => true }: GateOptions = {}) {
    this.#settings = settings;
    this.#policy = createPolicy(settings);
    this.#onChange = onChange;
    this.#mayOpen = mayOpen;
    this.#state = { kind: settings.enabled ? 'closed' : 'disabled', sinceMs: Number.NEGATIVE_INFINITY };
  }

  get state(): Readonly<GateState> {
    return this.#state;
  }

  /** What {@link acquire} would say now, without taking anything: `trial` is a half-open permit. */
  peek(nowMs: number): 'admits' | 'trial' | 'rejects' {
    const state = this.#state;
    switch (state.kind) {
      case 'open':
        return nowMs >= state.untilMs ? 'trial' : 'rejects';
      case 'half-open':
        return this.#hasRoom(state, nowMs) ? 'trial' : 'rejects';
      case 'forced-open':
        return 'rejects';
      default:
        return 'admits';
    }
  }

  acquire(nowMs: number): Admission {
    const state = this.#state;
    if (state.kind === 'forced-open') return { kind: 'reject', retryAfterMs: this.#settings.timeoutMs };
    if (state.kind === 'open') {
      if (nowMs < state.untilMs) return { kind: 'reject', retryAfterMs: state.untilMs - nowMs };
      this.#try(state.openings, nowMs, nowMs);
      return this.acquire(nowMs);
    }
    if (state.kind !== 'half-open')
      return { kind: 'admit', permit: { generation: this.#generation, expiresMs: 0, isSettled: false } };
    // Its permits come back with the answers of the requests under way: soon, but nobody knows when.
    if (!this.#hasRoom(state, nowMs)) return { kind: 'reject', retryAfterMs: 1000 };
    const expiresMs = nowMs + Math.max(PERMIT_MS, this.#settings.timeoutMs);
    const permit: Permit = { generation: this.#generation, expiresMs, isSettled: false };
    state.held.add(permit);
    return { kind: 'admit', permit };
  }

  /** Settles a permit with what its request came to; false when it was settled before. */
  settle(permit: Permit, verdict: Verdict, isSlow: boolean, nowMs: number): boolean {
    if (permit.isSettled) return false;
    permit.isSettled = true;
    if (permit.generation !== this.#generation) return true;
    if (this.#state.kind === 'half-open') this.#state.held.delete(permit);
    this.#count(verdict, isSlow, nowMs);
    return true;
  }

  /** Takes the result of a request that needed no permit. One that began after the open time was over is as good as a trial. */
  record(verdict: Verdict, isSlow: boolean, startedAtMs: number, nowMs: number): void {
    if (verdict !== 'ignore' && this.#state.kind === 'open' && startedAtMs >= this.#state.untilMs)
      this.#try(this.#state.openings, this.#state.untilMs, nowMs);
    if (startedAtMs >= this.#state.sinceMs) this.#count(verdict, isSlow, nowMs);
  }

  /** It was found broken by other means than by counting. Says nothing while an operator's order stands, or it is open. */
  found(nowMs: number): void {
    if (this.#state.kind === 'closed') this.#open(1, nowMs);
    else if (this.#state.kind === 'half-open') this.#open(this.#state.openings + 1, nowMs);
  }

  /** Moves to a state that the fleet agreed on. */
  adopt(state: { kind: 'closed' } | { kind: 'open'; untilMs: number; openings: number }, nowMs: number): void {
    this.#enter({ ...state, sinceMs: nowMs });
  }

  /** An operator's order, or its end. */
  order(kind: OperatorState | 'closed', nowMs: number): void {
    this.#enter({ kind: kind === 'closed' && !this.#settings.enabled ? 'disabled' : kind, sinceMs: nowMs });
  }

  #count(verdict: Verdict, isSlow: boolean, nowMs: number): void {
    if (verdict === 'ignore') return;
    const state = this.#state;
    switch (state.kind) {
      case 'closed':
        if (this.#policy.record(verdict === 'failure', isSlow, nowMs) && this.#mayOpen(state, nowMs))
          this.#open(1, nowMs);
        return;
      case 'half-open':
        if (verdict === 'failure' || (isSlow && this.#policy.isSlowAFault)) {
          if (this.#mayOpen(state, nowMs)) this.#open(state.openings + 1, nowMs);
        } else if (++state.successes >= this.#settings.halfOpenPermits)
          this.#change({ kind: 'closed', sinceMs: nowMs }, nowMs);
        return;
      case 'observe':
        this.#policy.record(verdict === 'failure', isSlow, nowMs);
        return;
      default: // Open and forced open learn nothing from late replies; disabled wants to know nothing.
    }
  }

  #try(openings: number, sinceMs: number, nowMs: number): void {
    this.#change({ kind: 'half-open', sinceMs, openings, successes: 0, held: new Set() }, nowMs);
  }

  #open(openings: number, nowMs: number): void {
    this.#change(
      { kind: 'open', sinceMs: nowMs, untilMs: nowMs + openTimeMs(this.#settings, openings), openings },
      nowMs,
    );
  }

  #hasRoom(state: Extract<GateState, { kind: 'half-open' }>, nowMs: number): boolean {
    if (state.held.size + state.successes < this.#settings.halfOpenPermits) return true;
    for (const permit of state.held) {
      if (permit.expiresMs > nowMs) break; // They were given in order of time.
      permit.isSettled = true;
      state.held.delete(permit);
    }
    return state.held.size + state.successes < this.#settings.halfOpenPermits;
  }

  #change(state: GateState, nowMs: number): void {
    this.#enter(state);
    this.#onChange(state, nowMs);
  }

  #enter(state: GateState): void {
    this.#state = state;
    this.#generation++;
    this.#policy.reset();
  }
}
