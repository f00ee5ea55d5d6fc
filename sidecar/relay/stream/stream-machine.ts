import type { ClientAnswer } from '../client/client-answer.ts';
import type { BackOff } from './back-off.ts';
import { answered, callOf, type StreamState } from './stream-state.ts';

/** The state that a GET stream is in: one at a time, and nothing of a former one goes on. */
export class StreamMachine {
  readonly #client: Pick<ClientAnswer, 'guard'>;
  readonly #backOff: BackOff;
  readonly #now: () => number;
  state: StreamState = { is: 'locating' };

  constructor(client: Pick<ClientAnswer, 'guard'>, backOff: BackOff, now: () => number) {
    this.#client = client;
    this.#backOff = backOff;
    this.#now = now;
  }

  /** Leaves the former state's call and timer behind. */
  enter(state: StreamState): void {
    const former = this.state;
    this.state = state;
    if (former.is === 'waiting') clearTimeout(former.timer);
    if (former.is === 'open') {
      answered(former);
      // Of one that failed the end was told before.
      former.trace?.end({ error: null, isFault: false, atMs: this.#now() });
      if (former.sinceMs !== null) this.#backOff.ended(this.#now() - former.sinceMs);
    }
    callOf(former)?.abort();
  }

  /**
   * Goes on with what the work came to, unless the stream has gone on meanwhile. An event may already have brought what
   * the work was to find out.
   */
  during<T>(state: StreamState, work: () => Promise<T>, goOn: (result: T) => void): void {
    this.enter(state);
    this.#client.guard(async () => {
      const result = await work();
      if (this.state === state) goOn(result);
    });
  }
}
