import { withoutByteOrderMark } from '../../proto/http/answer-form.ts';
import { parseJson } from '../../proto/parse-json.ts';
import { SseReader } from '../../proto/sse-reader.ts';

export interface InitializeResult {
  protocolVersion: string;
  capabilities: Record<string, unknown>;
}

/** No server's answer to initialize is longer; one that is stays unread. */
const MAX_BYTES = 1 << 20;

/** Finds the result of `initialize` in a response as it passes, JSON or event stream. */
export class InitializeResultReader {
  readonly #onResult: (result: InitializeResult) => void;
  readonly #sse: SseReader | null;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isDone = false;

  constructor(isEventStream: boolean, onResult: (result: InitializeResult) => void) {
    this.#onResult = onResult;
    this.#sse = isEventStream
      ? new SseReader(
          {
            event: ({ data }) => {
              if (data) this.#look(data);
            },
            oversize: () => {
              this.#isDone = true;
            },
          },
          MAX_BYTES,
        )
      : null;
  }

  push(chunk: Buffer, isLast: boolean): void {
    if (this.#isDone) return;
    if (this.#sse) {
      this.#sse.push(chunk);
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES) {
      this.#isDone = true;
      this.#pieces = [];
      return;
    }
    this.#pieces.push(chunk);
    if (isLast) this.#look(withoutByteOrderMark(Buffer.concat(this.#pieces)));
  }

  #look(text: Buffer): void {
    if (this.#isDone) return;
    const value: unknown = parseJson(text);
    if (value === undefined) return;
    for (const message of Array.isArray(value) ? value : [value]) {
      const result = (message as { result?: Partial<InitializeResult> } | null)?.result;
      if (typeof result?.protocolVersion !== 'string') continue;
      this.#isDone = true;
      const { capabilities } = result;
      this.#onResult({
        protocolVersion: result.protocolVersion,
        capabilities: capabilities !== null && typeof capabilities === 'object' ? capabilities : {},
      });
      return;
    }
  }
}
