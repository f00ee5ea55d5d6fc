import { readFileSync } from 'node:fs';
import { credentials, Metadata, type ChannelCredentials } from '@grpc/grpc-js';
import type { Collector } from '../../proto/collector.ts';
import { describeError } from '../../proto/describe-error.ts';
import { readSmallFile } from '../../proto/read-small-file.ts';
import { SYSTEM_CA_FILE } from '../../proto/tls/replica-tls.ts';

type ExportDone = (result: { code: number; error?: Error }) => void;

/** An exporter of OpenTelemetry, of whichever signal. */
export interface Exporter<Item> {
  export(items: Item[], done: ExportDone): void;
  shutdown(): Promise<void>;
}

/** One signal's exporters, and how its items are called in messages. */
export interface Signal<Item> {
  things: string;
  pathOf: (collector: Collector) => string;
  grpc: new (config: {
    url: string;
    timeoutMillis: number;
    concurrencyLimit: number;
    metadata: Metadata;
    credentials: ChannelCredentials;
  }) => Exporter<Item>;
  http: new (config: {
    url: string;
    timeoutMillis: number;
    concurrencyLimit: number;
    headers: Record<string, string>;
    httpAgentOptions?: { ca: Buffer };
  }) => Exporter<Item>;
}

export interface ExporterOptions<Item> {
  collector: Collector;
  signal: Signal<Item>;
  lost: (reason: 'export', count: number) => void;
  sent: (count: number) => void;
  onProblem: (problem: string) => void;
}

/** `ExportResultCode.FAILED` of @opentelemetry/core. */
const FAILED = 1;

/** OTLP to the collector by OpenTelemetry's exporters. The files of the headers are read for each batch; other values begin another connection. */
export class CollectorExporter<Item> implements Exporter<Item> {
  readonly #options: ExporterOptions<Item>;
  #current: { headers: string; exporter: Exporter<Item> } | null = null;

  constructor(options: ExporterOptions<Item>) {
    this.#options = options;
  }

  export(items: Item[], done: ExportDone): void {
    const { lost, sent, onProblem, signal } = this.#options;
    const failed = (problem: string): void => {
      lost('export', items.length);
      onProblem(problem);
      // Not as a failure: the SDK would only log it a second time, in words of its own.
      done({ code: 0 });
    };
    let exporter: Exporter<Item>;
    try {
      exporter = this.#exporter();
    } catch (error) {
      return failed(textOf(error));
    }
    exporter.export(items, ({ code, error }) => {
      if (code === FAILED) return failed(error ? textOf(error) : `it did not take a batch of ${signal.things}`);
      sent(items.length);
      done({ code });
    });
  }

  /** A batch is on its way once it was exported. */
  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  async shutdown(): Promise<void> {
    await this.#current?.exporter.shutdown();
  }

  #exporter(): Exporter<Item> {
    const { collector } = this.#options;
    const headers = readHeaders(collector.headerFiles);
    const key = JSON.stringify(headers);
    if (this.#current?.headers === key) return this.#current.exporter;
    // What the former one still sends goes on: it closes once that is over.
    this.#current?.exporter.shutdown().catch(() => undefined);
    const exporter = collector.protocol === 'grpc' ? this.#grpc(headers) : this.#http(headers);
    this.#current = { headers: key, exporter };
    return exporter;
  }

  #grpc(headers: Record<string, string>): Exporter<Item> {
    const { collector, signal } = this.#options;
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new signal.grpc({
      url: collector.endpoint,
      timeoutMillis: collector.timeoutMs,
      concurrencyLimit: 1,
      metadata,
      credentials: isTls(collector) ? credentials.createSsl(authorities(collector)) : credentials.createInsecure(),
    });
  }

  #http(headers: Record<string, string>): Exporter<Item> {
    const { collector, signal } = this.#options;
    return new signal.http({
      url: `${new URL(collector.endpoint).origin}${signal.pathOf(collector)}`,
      timeoutMillis: collector.timeoutMs,
      concurrencyLimit: 1,
      headers,
      ...(isTls(collector) && { httpAgentOptions: { ca: authorities(collector) } }),
    });
  }
}

/** A collector's own words may be long, and may quote what it was sent. */
const textOf = (error: unknown): string => {
  const { name, code, message } = describeError(error);
  return `${code ?? name}: ${message}`;
};

/** Throws with the file's name when one can't be read, or holds no header. gRPC's own error would quote the value. */
const readHeaders = (files: Collector['headerFiles']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([name, file]) => {
      const value = readSmallFile(file).trim();
      if (!/^[\x20-\x7e]*$/.test(value))
        throw new Error(`${file} can’t be the header ${name}: it holds a line break, or a letter that is not ASCII`);
      return [name, value];
    }),
  );

const isTls = ({ endpoint }: Collector): boolean => endpoint.startsWith('https:');
const authorities = ({ caFile = SYSTEM_CA_FILE }: Collector): Buffer => readFileSync(caFile);
