import { MAX_QUEUED_RECORDS } from '../../proto/audit.ts';
import { detach } from '../../proto/detach.ts';
import type { AuditRecord, AuditSink } from './audit-record.ts';

interface AuditCollectorOptions {
  /** Loads OpenTelemetry's packages: not before somebody configures them. */
  load: () => Promise<AuditSink>;
  onLost: (count: number) => void;
  onError: (error: unknown) => void;
}

/** Records to a collector. Those that come while its packages load wait. */
export class AuditCollector implements AuditSink {
  readonly #onLost: (count: number) => void;
  readonly #loaded: Promise<void>;
  #state: { is: 'loading'; waiting: AuditRecord[] } | { is: 'open'; sink: AuditSink } | { is: 'failed' };

  constructor({ load, onLost, onError }: AuditCollectorOptions) {
    const waiting: AuditRecord[] = [];
    this.#onLost = onLost;
    this.#state = { is: 'loading', waiting };
    this.#loaded = load().then(
      (sink) => {
        this.#state = { is: 'open', sink };
        for (const record of waiting) sink.write(record);
      },
      (error: unknown) => {
        this.#state = { is: 'failed' };
        onLost(waiting.length);
        throw error;
      },
    );
    detach(() => this.#loaded, onError);
  }

  write(record: AuditRecord): void {
    const state = this.#state;
    if (state.is === 'open') return state.sink.write(record);
    if (state.is === 'failed' || state.waiting.length >= MAX_QUEUED_RECORDS) return this.#onLost(1);
    state.waiting.push(record);
  }

  async close(): Promise<void> {
    await this.#loaded.catch(() => undefined);
    if (this.#state.is === 'open') await this.#state.sink.close();
  }
}
