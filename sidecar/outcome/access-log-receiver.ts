import { setImmediate as turn } from 'node:timers/promises';
import type { Outcome } from '../../proto/outcome.ts';
import { AccessLogBatch } from './decode-access-log.ts';
import { readEntry, type EntryReading } from './read-entry.ts';
import type { AccessLogEntry } from './access-log-entry.ts';

export interface AccessLogReceiverOptions {
  bus: { publish(outcome: Outcome): boolean; readonly isBusy: boolean; whenIdle(): Promise<void> };
  backendOf: (server: string, slot: string) => string | null;
  onEntries?: (result: EntryReading['kind'], count: number) => void;
}

/**
 * Takes one batch of access logs. `full`: too many batches wait already; Envoy counts what it can't deliver (`logs_dropped`). `malformed`: these bytes
 * are no batch.
 */
export type AccessLogReceiver = (batch: Buffer) => Promise<'taken' | 'full' | 'malformed'>;

/** Batches that wait while outcomes pile up: 4 MB of log records, some 20,000 requests. */
const MAX_WAITING = 16;
/**
 * Entries read at a time. Their outcomes are handed out before the next are read, so few of them exist at once, and
 * other work gets its turn.
 */
const AT_ONCE = 200;

/** Turns batches of Envoy's access logs into outcomes, in the order in which they came. When outcomes pile up, batches wait, and so do Envoy's calls. */
export function accessLogReceiver({
  bus,
  backendOf,
  onEntries = () => {},
}: AccessLogReceiverOptions): AccessLogReceiver {
  let waiting = 0,
    tail: Promise<void> = Promise.resolve();
  const takeSome = (batch: AccessLogBatch, from: number, end: number): void => {
    const counts: Partial<Record<EntryReading['kind'], number>> = {};
    for (let at = from; at < end; at++) {
      const reading = readSafely(batch.entry(at), backendOf);
      counts[reading.kind] = (counts[reading.kind] ?? 0) + 1;
      if (reading.kind === 'outcome') bus.publish(reading.outcome);
    }
    for (const [kind, count] of Object.entries(counts)) onEntries(kind as EntryReading['kind'], count);
  };
  const take = async (bytes: Buffer): Promise<'taken' | 'malformed'> => {
    const batch = readBatch(bytes);
    if (batch === null) {
      onEntries('malformed', 1);
      return 'malformed';
    }
    for (let from = 0; from < batch.length; from += AT_ONCE) {
      if (from > 0) await turn();
      while (bus.isBusy) await bus.whenIdle();
      takeSome(batch, from, Math.min(batch.length, from + AT_ONCE));
    }
    return 'taken';
  };
  return async (batch) => {
    if (waiting >= MAX_WAITING) return 'full';
    const taken = tail.then(() => take(batch));
    waiting += 1;
    tail = taken
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        waiting -= 1;
      });
    return await taken;
  };
}

/** Null when the bytes are cut off, or no batch at all. */
function readBatch(bytes: Buffer): AccessLogBatch | null {
  try {
    return new AccessLogBatch(bytes);
  } catch {
    return null;
  }
}

/** One odd entry must not cost the rest of its batch. */
function readSafely(entry: AccessLogEntry, backendOf: AccessLogReceiverOptions['backendOf']): EntryReading {
  try {
    return readEntry(entry, backendOf);
  } catch {
    return { kind: 'malformed' };
  }
}
