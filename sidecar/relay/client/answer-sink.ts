/** The part of a response that an answer is written to. */
export interface AnswerSink {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly writableLength: number;
  /** Absent where nothing is sent at once. */
  readonly socket?: { readonly writableCorked: number; cork(): void; uncork(): void } | null;
  writeHead(status: number, headers?: unknown): unknown;
  flushHeaders(): void;
  write(bytes: Buffer | string): boolean;
  end(last?: Buffer | string): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
}
