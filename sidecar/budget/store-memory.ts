/** How often Redis is asked how full it is. */
const ASK_MS = 500;

/** Redis counts what a hash costs beside its content. */
const OVERHEAD = 2;

export interface StoreMemoryOptions {
  info: () => Promise<string>;
  /** Share of maxmemory beyond which no session begins. */
  maxPercent: number;
  /** Told of each answer: used ÷ maxmemory; 0 without a maximum. */
  onShare: (share: number) => void;
}

/**
 * Whether Redis has room for new sessions. The last part of its memory is kept for the sessions that live and for the control plane's keys.
 * Those keys are slots, lease, rollouts and breakers. What this process wrote since the last answer counts as well, so that a flood can't
 * outrun it.
 */
export class StoreMemory {
  readonly #options: StoreMemoryOptions;
  #timer: NodeJS.Timeout | undefined;
  #usedBytes = 0;
  #maxBytes = 0;

  constructor(options: StoreMemoryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.ask().catch(() => undefined); // A Redis that does not answer is a matter of the store's health.
    }, ASK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get hasRoom(): boolean {
    const { maxPercent } = this.#options;
    return maxPercent === 100 || this.#maxBytes === 0 || this.#usedBytes * 100 < this.#maxBytes * maxPercent;
  }

  /** A session was written. */
  wrote(bytes: number): void {
    this.#usedBytes += bytes * OVERHEAD;
  }

  async ask(): Promise<void> {
    const text = await this.#options.info();
    this.#usedBytes = field(text, 'used_memory');
    this.#maxBytes = field(text, 'maxmemory');
    this.#options.onShare(this.#maxBytes === 0 ? 0 : this.#usedBytes / this.#maxBytes);
  }
}

const field = (text: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
