import type { ReplicaReport } from '../relay-context.ts';

/** Reports of one kind about one replica are gathered for this long: thousands of sessions of a dead replica are one message with a count. */
const GATHER_MS = 100;

/** Tells the control plane what was seen of replicas: the first report goes at once, those that follow within a moment go together. */
export class ReportLimit {
  readonly #publish: (report: ReplicaReport & { count: number }) => void;
  readonly #now: () => number;
  readonly #gathered = new Map<string, { report: ReplicaReport; count: number; untilMs: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(publish: (report: ReplicaReport & { count: number }) => void, now: () => number) {
    this.#publish = publish;
    this.#now = now;
  }

  report(report: ReplicaReport): void {
    const key = `${report.server}/${report.slot}/${report.kind}`,
      known = this.#gathered.get(key);
    if (known) {
      known.count++;
      return;
    }
    this.#publish({ ...report, count: 1 });
    this.#gathered.set(key, { report, count: 0, untilMs: this.#now() + GATHER_MS });
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref();
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  #flush(): void {
    const nowMs = this.#now();
    for (const [key, { report, count, untilMs }] of this.#gathered) {
      if (untilMs > nowMs) continue;
      this.#gathered.delete(key);
      if (count > 0) this.#publish({ ...report, count });
    }
    this.#timer = this.#gathered.size > 0 ? setTimeout(() => this.#flush(), GATHER_MS).unref() : null;
  }
}
