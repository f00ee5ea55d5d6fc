import { readFileSync } from 'node:fs';
import { credentials, Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { describeError } from '../../proto/describe-error.ts';
import { SYSTEM_CA_FILE } from '../../proto/tls/replica-tls.ts';
import { tracesPath, type Tracing } from '../../proto/tracing.ts';

type ExportDone = Parameters<SpanExporter['export']>[1];

interface ExporterOptions {
  tracing: Tracing;
  lost: (reason: 'export', count: number) => void;
  sent: (count: number) => void;
  onProblem: (problem: string) => void;
}

/** `ExportResultCode.FAILED` of @opentelemetry/core. */
const FAILED = 1;

/** OTLP to the collector by OpenTelemetry's exporters. The files of the headers are read for each batch; other values begin another connection. */
export class CollectorExporter implements SpanExporter {
  readonly #options: ExporterOptions;
  #current: { headers: string; exporter: SpanExporter } | null = null;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  export(spans: ReadableSpan[], done: ExportDone): void {
    const { lost, sent, onProblem } = this.#options;
    const failed = (problem: string): void => {
      lost('export', spans.length);
      onProblem(problem);
      // Not as a failure: the SDK would only log it a second time, in words of its own.
      done({ code: 0 });
    };
    let exporter: SpanExporter;
    try {
      exporter = this.#exporter();
    } catch (error) {
      return failed(textOf(error));
    }
    exporter.export(spans, ({ code, error }) => {
      if (code === FAILED) return failed(error ? textOf(error) : 'it did not take a batch of spans');
      sent(spans.length);
      done({ code });
    });
  }

  async shutdown(): Promise<void> {
    await this.#current?.exporter.shutdown();
  }

  #exporter(): SpanExporter {
    const { tracing } = this.#options;
    const headers = readHeaders(tracing.headerFiles);
    const key = JSON.stringify(headers);
    if (this.#current?.headers === key) return this.#current.exporter;
    // What the former one still sends goes on: it closes once that is over.
    this.#current?.exporter.shutdown().catch(() => undefined);
    const exporter = tracing.protocol === 'grpc' ? grpcExporter(tracing, headers) : httpExporter(tracing, headers);
    this.#current = { headers: key, exporter };
    return exporter;
  }
}

/** A collector's own words may be long, and may quote what it was sent. */
const textOf = (error: unknown): string => {
  const { name, code, message } = describeError(error);
  return `${code ?? name}: ${message}`;
};

/** Throws with the file's name when one can't be read, or holds no header. gRPC's own error would quote the value. */
const readHeaders = (files: Tracing['headerFiles']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([name, file]) => {
      const value = readFileSync(file, 'utf8').trim();
      if (!/^[\x20-\x7e]*$/.test(value))
        throw new Error(`${file} can’t be the header ${name}: it holds a line break, or a letter that is not ASCII`);
      return [name, value];
    }),
  );

const authorities = ({ caFile = SYSTEM_CA_FILE }: Tracing): Buffer => readFileSync(caFile);

function grpcExporter(tracing: Tracing, headers: Record<string, string>): SpanExporter {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new GrpcExporter({
    url: tracing.endpoint,
    timeoutMillis: tracing.timeoutMs,
    concurrencyLimit: 1,
    metadata,
    credentials: tracing.endpoint.startsWith('https:')
      ? credentials.createSsl(authorities(tracing))
      : credentials.createInsecure(),
  });
}

const httpExporter = (tracing: Tracing, headers: Record<string, string>): SpanExporter =>
  new HttpExporter({
    url: `${new URL(tracing.endpoint).origin}${tracesPath(tracing)}`,
    timeoutMillis: tracing.timeoutMs,
    concurrencyLimit: 1,
    headers,
    ...(tracing.endpoint.startsWith('https:') && { httpAgentOptions: { ca: authorities(tracing) } }),
  });
