import type { MessageTrace, RecoverySteps, TracedReplica } from './recovery-trace.ts';

/** What one recovery did, for every request that shares it: each has it in its own trace, whoever began it. */
export class RecoveryStory implements RecoverySteps {
  readonly #first: RecoverySteps | null;
  readonly #steps: ((trace: RecoverySteps) => void)[] = [];

  /** `first`: of the request that began it, whose spans the replicas see as parents. */
  constructor(first: RecoverySteps | null) {
    this.#first = first;
  }

  waited(what: string, fromMs: number, atMs: number): void {
    this.#first?.waited(what, fromMs, atMs);
    this.#steps.push((trace) => trace.waited(what, fromMs, atMs));
  }

  message(method: string, replica: TracedReplica, atMs: number): MessageTrace {
    const live = this.#first?.message(method, replica, atMs);
    return {
      headers: (headers) => live?.headers(headers) ?? [...headers],
      end: (error, endMs) => {
        live?.end(error, endMs);
        this.#steps.push((trace) => trace.message(method, replica, atMs).end(error, endMs));
      },
    };
  }

  tellTo(trace: RecoverySteps | null): void {
    if (trace) for (const step of this.#steps) step(trace);
  }
}
