import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:net';
import { stringify } from 'yaml';
import { findProgram } from '../find-program.ts';
import { freePort } from '../mesh/free-port.ts';
import { ManagedProcess } from '../mesh/managed-process.ts';

/** OpenTelemetry's own collector: `OTELCOL_BIN`, else `otelcol` on PATH. It needs the otlp receiver and the otlp_http exporter. */
export const findCollector = (env: NodeJS.ProcessEnv = process.env): string | null =>
  findProgram('OTELCOL_BIN', ['otelcol'], env);

const answersAt = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** Takes OTLP over gRPC and hands every span on to `to` (OTLP over HTTP). */
export async function startRealCollector(
  command: string,
  { folder, to }: { folder: string; to: string },
): Promise<{ endpoint: string; close(): Promise<void> }> {
  const port = await freePort();
  const config = {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlp_http: { endpoint: to, compression: 'none' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
    },
  };
  const file = join(folder, 'otelcol.yaml');
  await writeFile(file, stringify(config));
  const process = await new ManagedProcess({
    name: 'otelcol',
    command,
    args: ['--config', file],
    logFile: join(folder, 'otelcol.log'),
    isReady: () => answersAt(port),
  }).start();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: async () => {
      await process.kill();
    },
  };
}
