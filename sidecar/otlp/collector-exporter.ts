import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
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
    httpAgentOptions: () => HttpAgent;
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

interface Current<Item> {
  headers: string;
  exporter: Exporter<Item>;
  /** Ends what is on its way, and its connection. */
  cut: () => void;
}

/**
 * OTLP to the collector by OpenTelemetry's exporters. The files of the headers are read for each batch; other values begin another connection.
 * A batch has `timeoutMs` in all: OpenTelemetry's HTTP exporter counts from the last byte, so an answer that drips would hold it for ever.
 */
export class CollectorExporter<Item> implements Exporter<Item> {
  readonly #options: ExporterOptions<Item>;
  #current: Current<Item> | null = null;

  constructor(options: ExporterOptions<Item>) {
    this.#options = options;
  }

  export(items: Item[], done: ExportDone): void {
    const { lost, sent, onProblem, signal, collector } = this.#options;
    let isOver = false;
    const failed = (problem: string): void => {
      isOver = true;
      lost('export', items.length);
      onProblem(problem);
      // Not as a failure: the SDK would only log it a second time, in words of its own.
      done({ code: 0 });
    };
    let current: Current<Item>;
    try {
      current = this.#ready();
    } catch (error) {
      return failed(textOf(error));
    }
    const deadline = setTimeout(() => {
      failed(`it did not answer a batch of ${signal.things} whole within ${collector.timeoutMs} ms`);
      this.#giveUp(current);
    }, collector.timeoutMs);
    current.exporter.export(items, ({ code, error }) => {
      if (isOver) return;
      clearTimeout(deadline);
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

  #ready(): Current<Item> {
    const { collector } = this.#options;
    const headers = readHeaders(collector.headerFiles);
    const key = JSON.stringify(headers);
    if (this.#current?.headers === key) return this.#current;
    // What the former one still sends goes on: it closes once that is over.
    this.#current?.exporter.shutdown().catch(() => undefined);
    const made = collector.protocol === 'grpc' ? this.#grpc(headers) : this.#http(headers);
    const current = { headers: key, ...made };
    this.#current = current;
    return current;
  }

  /** The next batch begins another connection, since one exporter sends one batch at a time. */
  #giveUp(current: Current<Item>): void {
    if (this.#current === current) this.#current = null;
    current.exporter.shutdown().catch(() => undefined);
    current.cut();
  }

  #grpc(headers: Record<string, string>): Omit<Current<Item>, 'headers'> {
    const { collector, signal } = this.#options;
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const exporter = new signal.grpc({
      url: collector.endpoint,
      timeoutMillis: collector.timeoutMs,
      concurrencyLimit: 1,
      metadata,
      credentials: isTls(collector) ? credentials.createSsl(authorities(collector)) : credentials.createInsecure(),
    });
    // gRPC’s deadline is one for the whole call already.
    return { exporter, cut: () => undefined };
  }

  #http(headers: Record<string, string>): Omit<Current<Item>, 'headers'> {
    const { collector, signal } = this.#options;
    const agent = isTls(collector)
      ? new HttpsAgent({ keepAlive: true, ca: authorities(collector) })
      : new HttpAgent({ keepAlive: true });
    const exporter = new signal.http({
      url: `${new URL(collector.endpoint).origin}${signal.pathOf(collector)}`,
      timeoutMillis: collector.timeoutMs,
      concurrencyLimit: 1,
      headers,
      httpAgentOptions: () => agent,
    });
    return { exporter, cut: () => agent.destroy() };
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
