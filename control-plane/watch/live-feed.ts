import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, MeshEvent } from '../events/event.ts';
import type { WatchReport } from '../../proto/watch/watch-messages.ts';
import type { CallWatch } from './call-watch.ts';
import { LiveRates } from './live-rates.ts';

/** One part of what a page shows; it is sent again when it has changed. */
export interface LiveMessage {
  event: string;
  /** Of events of the mesh: where a page that comes back goes on. */
  id?: string;
  data: unknown;
}

export interface LiveFeedParts {
  /**
   * The parts by name; those that take longer than a moment say how often they are asked for. `afterEvents`: something that happened may change
   * the part, so it is read in the look after an event.
   */
  sections: Readonly<Record<string, { everyMs: number; afterEvents?: boolean; read: () => unknown }>>;
  /** Parts of which there are as many as the mesh has servers, replicas and so on, by name. */
  many: () => Readonly<Record<string, unknown>>;
  events: Pick<EventLog, 'list'>;
  calls: Pick<CallWatch, 'reports' | 'isFull'> | null;
  now: () => number;
  onError: (error: unknown) => void;
  /** Pages that may watch at a time. */
  maxWatchers: () => number;
  /** So many watch now. */
  onWatchers: (count: number) => void;
  onRefused: () => void;
}

export interface LiveFeed {
  readonly watchers: number;
  readonly isFull: boolean;
  /** Counts a page that was turned away. */
  refused(): void;
  /** Everything as it is, then what changes, until `signal` ends. It has its place from now on. A page that reads slowly skips what is out of date. */
  follow(lastEventId: string | undefined, signal: AbortSignal): AsyncGenerator<LiveMessage>;
}

const EVERY_MS = 1000;
/** Events that are told of the time before a page came. */
const EVENTS_BEFORE = 300;
const EVENTS_AT_A_TIME = 500;

/** What pages of the console see. All of them share one look at the mesh, so gateways and Redis are asked once however many watch. */
export class SharedLiveFeed implements LiveFeed {
  readonly #parts: LiveFeedParts;
  /** What is known of each part, and the same as text, to see whether it changed. */
  readonly #texts = new Map<string, { text: string; value: unknown }>();
  readonly #readAtMs = new Map<string, number>();
  #events: MeshEvent[] = [];
  #waiting: (() => void)[] = [];
  #run: AbortController | null = null;
  watchers = 0;

  constructor(parts: LiveFeedParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.watchers >= this.#parts.maxWatchers();
  }

  refused(): void {
    this.#parts.onRefused();
  }

  follow(lastEventId: string | undefined, signal: AbortSignal): AsyncGenerator<LiveMessage> {
    if (!signal.aborted) {
      this.#count(1);
      this.#run ??= this.#start();
      signal.addEventListener('abort', () => this.#leave(), { once: true });
    }
    return this.#messages(lastEventId, signal);
  }

  async *#messages(lastEventId: string | undefined, signal: AbortSignal): AsyncGenerator<LiveMessage> {
    const sent = new Map<string, string>();
    let after = lastEventId;
    while (!signal.aborted) {
      for (const [event, { text, value }] of [...this.#texts]) {
        if (sent.get(event) === text) continue;
        sent.set(event, text);
        yield { event, data: value };
      }
      for (const event of [...sent.keys()].filter((name) => !this.#texts.has(name))) {
        sent.delete(event);
        yield { event, data: null };
      }
      for (const event of this.#after(after)) {
        after = event.id;
        yield { event: 'event', id: event.id, data: event };
      }
      if (!signal.aborted) await this.#next();
    }
  }

  /** Events after the one that a page had last; all that are remembered where it had none that we know. */
  #after(id: string | undefined): MeshEvent[] {
    const index = id === undefined ? -1 : this.#events.findIndex((event) => event.id === id);
    return this.#events.slice(index + 1);
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #count(change: 1 | -1): void {
    this.watchers += change;
    this.#parts.onWatchers(this.watchers);
  }

  #leave(): void {
    this.#count(-1);
    this.#wake();
    if (this.watchers > 0) return;
    this.#run?.abort();
    this.#run = null;
    this.#texts.clear();
    this.#readAtMs.clear();
    this.#events = [];
  }

  #start(): AbortController {
    const run = new AbortController();
    const { calls, now } = this.#parts;
    const rates = calls && !calls.isFull ? new LiveRates(now()) : null;
    if (rates) calls?.reports((report: WatchReport) => rates.add(report, now()), run.signal);
    this.#loop(rates, run.signal).catch(this.#parts.onError);
    return run;
  }

  async #loop(rates: LiveRates | null, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(rates, signal).catch(this.#parts.onError);
      this.#wake();
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(rates: LiveRates | null, signal: AbortSignal): Promise<void> {
    const { sections, many, now, onError } = this.#parts;
    const found = new Map<string, unknown>(Object.entries(many()));
    found.set('rates', rates ? rates.now(now()) : { atMs: now(), isKnown: false });
    await Promise.all([
      ...Object.entries(sections).map(async ([name, { everyMs, read }]) => {
        if (now() - (this.#readAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
        this.#readAtMs.set(name, now());
        // What can't be read now stays as it was: the part `mesh` says that the store is away.
        const value = await Promise.resolve()
          .then(read)
          .catch((error: unknown) => {
            onError(error);
            return undefined;
          });
        if (value !== undefined) found.set(name, value);
      }),
      this.#readEvents(),
    ]);
    if (signal.aborted) return;
    for (const name of this.#texts.keys()) if (!(name in sections) && !found.has(name)) this.#texts.delete(name);
    for (const [name, value] of found) this.#texts.set(name, { text: JSON.stringify(value), value });
  }

  async #readEvents(): Promise<void> {
    const last = this.#events.at(-1)?.id;
    const found = await this.#parts.events
      .list(last === undefined ? { limit: EVENTS_BEFORE } : { afterId: last, limit: EVENTS_AT_A_TIME })
      .catch(() => []);
    if (found.length === 0) return;
    this.#events = [...this.#events, ...found].slice(-EVENTS_AT_A_TIME);
    for (const [name, { afterEvents }] of Object.entries(this.#parts.sections))
      if (afterEvents) this.#readAtMs.delete(name);
  }
}
