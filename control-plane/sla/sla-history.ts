import { detach } from '../../proto/detach.ts';
import { combine, noCounters, type SloCounters } from '../../proto/slo-window.ts';
import type { SloView } from '../rollout/slo-reader.ts';

/** What was counted of one server between two moments (ms since the epoch). */
export interface SlaWindow {
  counters: SloCounters;
  fromMs: number;
  toMs: number;
}
/** `whole`: since the oldest process whose counters are kept began; the others are null until there are two samples. */
export interface SlaWindows {
  whole: SlaWindow;
  hour: SlaWindow | null;
  minutes: SlaWindow | null;
}

export interface SlaHistoryOptions {
  servers: () => readonly string[];
  read: (server: string) => Promise<SloView | null>;
  now?: () => number;
  sampleMs?: number;
  onError?: (error: unknown) => void;
}

interface Sample {
  atMs: number;
  counters: SloCounters;
}

const HOUR_MS = 3_600_000,
  MINUTES_MS = 5 * 60_000;

/** The sum over backends, and over what no replica was found for. */
const total = ({ counters }: SloView): SloCounters =>
  [...counters.values()].reduce((sum, each) => combine(sum, each, 1), noCounters());

/** Remembers what gateways counted, so that the last hour can be judged and not only everything since the start. */
export class SlaHistory {
  readonly #options: Required<SlaHistoryOptions>;
  readonly #samples = new Map<string, Sample[]>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: SlaHistoryOptions) {
    this.#options = { now: Date.now, sampleMs: 30_000, onError: () => {}, ...options };
    this.#timer = setInterval(() => {
      detach(this.sample(), this.#options.onError);
    }, this.#options.sampleMs);
    this.#timer.unref();
    detach(this.sample(), this.#options.onError);
  }

  /** Takes a sample of every server; one that can't be read now is taken next time. Never rejects. */
  async sample(): Promise<void> {
    const { servers, now } = this.#options,
      wanted = new Set(servers());
    for (const name of this.#samples.keys()) if (!wanted.has(name)) this.#samples.delete(name);
    await Promise.all(
      [...wanted].map(async (server) => {
        const view = await this.#read(server);
        if (!view) return;
        const atMs = now(),
          samples = this.#samples.get(server) ?? [];
        // One older than the hour stays: the hour begins with it.
        while ((samples[1]?.atMs ?? Infinity) <= atMs - HOUR_MS) samples.shift();
        samples.push({ atMs, counters: total(view) });
        this.#samples.set(server, samples);
      }),
    );
  }

  /** What there is to say of a server now; null when its counters can't be read. */
  async windows(server: string): Promise<SlaWindows | null> {
    const view = await this.#read(server);
    if (!view) return null;
    const toMs = this.#options.now(),
      counters = total(view),
      samples = this.#samples.get(server) ?? [];
    const since = (lengthMs: number): SlaWindow | null => {
      const first = samples.findLast(({ atMs }) => atMs <= toMs - lengthMs) ?? samples[0];
      return first && first.atMs < toMs
        ? { counters: combine(counters, first.counters, -1), fromMs: first.atMs, toMs }
        : null;
    };
    return {
      whole: { counters, fromMs: view.sinceMs ?? toMs, toMs },
      hour: since(HOUR_MS),
      minutes: since(MINUTES_MS),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(server: string): Promise<SloView | null> {
    return this.#options.read(server).catch(() => null);
  }
}
