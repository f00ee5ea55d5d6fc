import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../test/mesh/free-port.ts';
import { ManagedProcess } from '../test/mesh/managed-process.ts';
import type { Mesh } from '../test/mesh/start-mesh.ts';
import { answers } from '../test/mesh/wait-for.ts';
import { ensurePrometheusProgram } from '../setup/debian-binaries.ts';
import { scrapeConfig, type ScrapeTargets } from '../prometheus/scrape-config.ts';

export interface Series {
  labels: Record<string, string>;
  points: [seconds: number, value: number][];
}

export interface Prometheus {
  process: ManagedProcess;
  url: string;
  /** Values over time; throws Prometheus's own words about a query that is wrong. */
  range(expr: string, fromSeconds: number, toSeconds: number, stepSeconds: number): Promise<Series[]>;
  stop(): Promise<void>;
}

/** What Prometheus must scrape of a mesh that runs here. */
export function targetsOf(mesh: Mesh): ScrapeTargets {
  const host = (url: string): string => new URL(url).host;
  return {
    gateways: Object.fromEntries(mesh.gateways.map(({ name, envoy }) => [name, host(envoy.adminUrl)])),
    sidecars: Object.fromEntries(mesh.gateways.map(({ name, sidecars }) => [name, host(sidecars[0]!.adminUrl)])),
    controlPlanes: { 'control-plane-1': host(mesh.controlPlane.adminUrl) },
    edges: Object.fromEntries(mesh.edges.map(({ name, envoy }) => [name, host(envoy.adminUrl)])),
  };
}

/** A real Prometheus on loopback with our rules; its data is in `folder`. */
export async function startPrometheus(folder: string, targets: ScrapeTargets): Promise<Prometheus> {
  const port = await freePort(),
    url = `http://127.0.0.1:${port}`,
    config = join(folder, 'prometheus.yml');
  await mkdir(join(folder, 'prometheus'), { recursive: true });
  const rules = join(import.meta.dirname, '../prometheus/holdfast.rules.yml');
  await writeFile(config, stringify(scrapeConfig(targets, { intervalSeconds: 1, ruleFiles: [rules] })));
  const process = new ManagedProcess({
    name: 'prometheus',
    command: await ensurePrometheusProgram('prometheus'),
    logFile: join(folder, 'prometheus.log'),
    isReady: () => answers(`${url}/-/ready`),
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
  });
  await process.start();
  return {
    process,
    url,
    async range(expr, fromSeconds, toSeconds, stepSeconds) {
      const query = new URLSearchParams({
        query: expr,
        start: String(fromSeconds),
        end: String(toSeconds),
        step: String(stepSeconds),
      });
      const answer = (await (await fetch(`${url}/api/v1/query_range`, { method: 'POST', body: query })).json()) as {
        status: string;
        error?: string;
        data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
      };
      if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
      return answer.data.result.map(({ metric, values }) => ({
        labels: metric,
        points: values.map(([seconds, value]): [number, number] => [seconds, Number(value)]),
      }));
    },
    stop: () => process.kill(),
  };
}
