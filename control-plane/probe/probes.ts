import { unreported, type InternalErrors } from '../../proto/internal-errors.ts';
import { isDeepStrictEqual } from 'node:util';
import { limit } from './limit.ts';
import type { ProbeState } from './probe-state.ts';
import { targetKey, type ProbeTarget } from './probe-target.ts';
import { ProbeWorker } from './probe-worker.ts';

export interface ProbeResult extends ProbeState {
  server: string;
  replica: string;
  address: string;
}

export interface ProbesOptions {
  /** A replica's health, incarnation, eras or tools changed. Not called for a mere new measurement. */
  onChange: (result: ProbeResult, before: ProbeState) => void;
  now?: () => number;
  random?: () => number;
  /** Probes in flight at a time, over all replicas. */
  concurrency?: number;
  errors?: InternalErrors;
}

/** Probes every replica that it is told to watch, and knows what came of it. */
export class Probes {
  readonly #workers = new Map<string, ProbeWorker>();
  readonly #ending = new Set<Promise<void>>();
  readonly #options: Required<ProbesOptions>;
  readonly #limit;

  constructor(options: ProbesOptions) {
    this.#options = { now: Date.now, random: Math.random, concurrency: 64, errors: unreported, ...options };
    this.#limit = limit(this.#options.concurrency);
  }

  /** Watch exactly these: new ones are probed at once, unchanged ones go on, the others' sessions are ended. */
  watch(targets: readonly ProbeTarget[]): void {
    const wanted = new Map(targets.map((target) => [targetKey(target), target]));
    const former = new Map(this.#workers);
    for (const [key, worker] of former) {
      const target = wanted.get(key);
      if (target !== worker.target && !isDeepStrictEqual(target, worker.target)) this.#end(key, worker);
    }
    for (const [key, target] of wanted) {
      if (this.#workers.has(key)) continue;
      const before = former.get(key);
      this.#workers.set(key, this.#begin(target, before?.target.address === target.address ? before.state : null));
    }
  }

  /** A gateway reported this replica: look at once. */
  report(server: string, replica: string): void {
    this.#workers.get(targetKey({ server, replica }))?.report();
  }

  /** What is known of each watched replica, by `server/replica`. */
  current(): ReadonlyMap<string, ProbeResult> {
    return new Map([...this.#workers].map(([key, { target, state }]) => [key, result(target, state)]));
  }

  /** What is known of one replica; with thousands of them `current()` is too much for one. */
  of(server: string, replica: string): ProbeResult | undefined {
    const worker = this.#workers.get(targetKey({ server, replica }));
    return worker && result(worker.target, worker.state);
  }

  /** Ends all probes and their sessions. */
  async stop(): Promise<void> {
    for (const [key, worker] of [...this.#workers]) this.#end(key, worker);
    await Promise.all(this.#ending);
  }

  #begin(target: ProbeTarget, former: ProbeState | null): ProbeWorker {
    const { now, random, onChange, errors } = this.#options;
    return new ProbeWorker(
      target,
      {
        limit: this.#limit,
        now,
        random,
        onState: (state, before) => {
          if (isNews(state, before)) onChange(result(target, state), before);
        },
        onError: (error) => errors.report('probe', error),
      },
      former,
    );
  }

  #end(key: string, worker: ProbeWorker): void {
    this.#workers.delete(key);
    const ended = worker.stop().finally(() => {
      this.#ending.delete(ended);
    });
    this.#ending.add(ended);
  }
}

const result = ({ server, replica, address }: ProbeTarget, state: ProbeState): ProbeResult => ({
  server,
  replica,
  address,
  ...state,
});

function isNews(state: ProbeState, before: ProbeState): boolean {
  return (
    state.health !== before.health ||
    state.incarnation !== before.incarnation ||
    !isDeepStrictEqual(state.eras, before.eras) ||
    !isDeepStrictEqual(state.tools, before.tools)
  );
}
