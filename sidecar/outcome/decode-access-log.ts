import type { AccessLogEntry } from './access-log-entry.ts';
import { WireReader } from '../../proto/xds/wire-reader.ts';

/**
 * A batch of log records (opentelemetry ExportLogsServiceRequest). Only the time and the text of each record are
 * decoded: this is the sidecar's only work for a steady request. Field numbers: proto/xds/opentelemetry.*.proto; a
 * test compares with the full decoder. Texts are made when they are asked for, because those of a whole batch would
 * outlive several young collections.
 */
export class AccessLogBatch {
  readonly #bytes: Buffer;
  readonly #startedAtMs: number[] = [];
  /** Where each text begins and ends. */
  readonly #spans: number[] = [];

  /** Throws a RangeError when the batch is cut off. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const reader = new WireReader(bytes);
    reader.each(1, () =>
      reader.each(2, () =>
        reader.each(2, () => {
          this.#record(reader);
        }),
      ),
    );
  }

  get length(): number {
    return this.#startedAtMs.length;
  }

  entry(index: number): AccessLogEntry {
    return {
      startedAtMs: this.#startedAtMs[index] ?? 0,
      text: this.#bytes.toString('utf8', this.#spans[2 * index], this.#spans[2 * index + 1]),
    };
  }

  #record(reader: WireReader): void {
    let startedAtMs = 0,
      start = 0,
      end = 0;
    while (reader.next()) {
      if (reader.field === 1) startedAtMs = reader.fixed64() / 1e6;
      else if (reader.field === 5) {
        start = end = 0;
        // An AnyValue that is a text; any other kind reads as an empty one.
        reader.inside(() => {
          while (reader.next()) {
            if (reader.field !== 1) {
              reader.skip();
              continue;
            }
            start = reader.pass();
            end = reader.at;
          }
        });
      } else reader.skip();
    }
    this.#startedAtMs.push(startedAtMs);
    this.#spans.push(start, end);
  }
}
