import type { ServerView } from '../../xds/topology.ts';
import type { RelayContext } from '../relay-context.ts';

type Context = Pick<RelayContext, 'breakers' | 'budget' | 'metrics' | 'now'>;

/** Gives a place in the retry budget back; does so once. */
export type Release = () => void;
const NO_PLACE: Release = () => undefined;

/** Whether a stream may be asked for at a replica now. Only a repetition needs a place in the retry budget, until its answer begins. */
export class StreamAdmission {
  readonly #ctx: Context;
  readonly #view: ServerView;
  #isFirst = true;

  constructor(ctx: Context, view: ServerView) {
    this.#ctx = ctx;
    this.#view = view;
  }

  /**
   * A breaker learns nothing from a stream, so a stream only stays away from a broken replica. Gives the ms to wait. Null: the stream may
   * begin.
   */
  rejectedForMs(slot: string): number | null {
    const { breakers, now } = this.#ctx;
    const gate = breakers.gate(this.#view.name, slot, null, now());
    if (gate.kind === 'reject') return gate.retryAfterMs;
    if (gate.permit !== null) breakers.release(gate.permit, now());
    return null;
  }

  /** Waits for a place; null: there was none in time. */
  async enter(): Promise<Release | null> {
    if (this.#isFirst) {
      this.#isFirst = false;
      return NO_PLACE;
    }
    const { retryBudget, timeouts } = this.#view.policy;
    const { percent, floor } = retryBudget;
    const isGranted = await this.#budget.acquire(percent, floor, timeouts.recoveryMs);
    return this.#counted(isGranted);
  }

  /** The same without waiting. */
  tryRepeat(): Release | null {
    const { percent, floor } = this.#view.policy.retryBudget;
    return this.#counted(this.#budget.tryAcquire(percent, floor));
  }

  /** Streams may never be asked for again. */
  get isForbidden(): boolean {
    const { percent, floor } = this.#view.policy.retryBudget;
    return percent === 0 && floor === 0;
  }

  get #budget() {
    return this.#ctx.budget(this.#view.name);
  }

  #counted(isGranted: boolean): Release | null {
    this.#ctx.metrics.retry(this.#view.name, isGranted ? 'sent' : 'budget');
    if (!isGranted) return null;
    const budget = this.#budget;
    let isHeld = true;
    return () => {
      if (isHeld) budget.release();
      isHeld = false;
    };
  }
}
