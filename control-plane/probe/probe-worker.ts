import { setTimeout as sleep } from 'node:timers/promises';
import type { Limit } from './limit.ts';
import { initialProbeState, observe, type ProbeState } from './probe-state.ts';
import type { ProbeTarget } from './probe-target.ts';
import { replicaProbe } from './replica-probe.ts';

export interface WorkerOptions {
  limit: Limit;
  now: () => number;
  random: () => number;
  onState: (state: ProbeState, before: ProbeState) => void;
  /** A round failed for a reason of ours; the next one comes as if it had not been. */
  onError: (error: unknown) => void;
}

/** Looks at one replica again and again, in one chain of awaits: never two probes of a replica at a time. */
export class ProbeWorker {
  readonly target: ProbeTarget;
  readonly #options: WorkerOptions;
  readonly #ended: Promise<void>;
  #state: ProbeState;
  #isReported = false;
  #wake = new AbortController();
  #isStopped = false;

  /** `before`: what was known of this replica under former settings; the same address goes on as it was. */
  constructor(target: ProbeTarget, options: WorkerOptions, before: ProbeState | null) {
    this.target = target;
    this.#options = options;
    this.#state = before ?? initialProbeState(options.now());
    this.#ended =
      target.settings.type === 'off'
        ? Promise.resolve().then(() => {
            this.#assumeHealthy();
          })
        : this.#loop();
  }

  get state(): ProbeState {
    return this.#state;
  }

  /** A gateway complained: look at once, and believe a refusal. */
  report(): void {
    this.#isReported = true;
    this.#wake.abort();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake.abort();
    return this.#ended;
  }

  async #loop(): Promise<void> {
    const { settings } = this.target;
    const probe = replicaProbe(this.target, () => performance.now());
    let lastFullMs = -Infinity;
    while (!this.#isStopped) {
      this.#wake = new AbortController();
      const isFull = performance.now() - lastFullMs >= settings.fullIntervalMs || this.#state.health !== 'healthy';
      let pauseMs = settings.retryMs;
      try {
        const seen = await this.#options.limit(() => probe.look(isFull));
        if (isFull && seen.kind === 'answered') lastFullMs = performance.now();
        // A report that came while looking speaks of the same moment.
        const isReported = this.#isReported;
        this.#isReported = false;
        this.#become(observe(this.#state, seen, settings, this.#options.now(), isReported));
        const isCertain =
          seen.kind === 'answered' ? this.#state.health === 'healthy' : this.#state.health === 'unhealthy';
        if (isCertain) pauseMs = settings.intervalMs * (0.9 + 0.2 * this.#options.random());
      } catch (error) {
        this.#options.onError(error);
      }
      await sleep(pauseMs, undefined, { signal: this.#wake.signal }).catch(() => {});
    }
    await probe.end().catch(this.#options.onError);
  }

  #assumeHealthy(): void {
    this.#become({ ...this.#state, health: 'healthy', detail: 'not probed, by configuration' });
  }

  #become(next: ProbeState): void {
    const before = this.#state;
    this.#state = next;
    if (!this.#isStopped) this.#options.onState(next, before);
  }
}
