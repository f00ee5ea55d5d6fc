import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../mesh/free-port.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { mustRun, run } from './run-docker.ts';

const ROOT = join(import.meta.dirname, '../../../..');
/** All but Grafana, for which there is no stand-in where images can't be pulled. */
export const SERVICES = [
  'prepare',
  'edge',
  'edge-standby',
  ...[1, 2, 3].flatMap((n) => [`gateway-${n}`, `gateway-${n}-sidecar`]),
  'control-plane-1',
  'control-plane-2',
  'redis',
  'redis-replica',
  'linear-server',
  'queryquill-server',
  'backup',
  'prometheus',
  'alertmanager',
];

/** docker-compose.yml as it is, under a name and on published ports of its own. */
export interface Composition {
  /** Base URLs of the primary and the standby edge. */
  edges: [string, string];
  prometheus: string;
  alertmanager: string;
  compose(...args: string[]): Promise<string>;
  /** Containers of a service, running or not. */
  containers(service?: string): Promise<string[]>;
  /** Waits until every container with a health check is healthy. */
  healthy(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startComposition(
  words: readonly [string, ...string[]],
  say: (text: string) => void,
): Promise<Composition> {
  const folder = await temporaryFolder('holdfast-compose-');
  const [edge, edgeTls, standby, standbyTls, prometheus, alertmanager] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const project = `holdfast-e2e-${process.pid}`;
  // Scraped often, so that little is missing when a sidecar is replaced; reached from here.
  await cp(join(ROOT, 'deploy/prometheus'), join(folder.path, 'prometheus'), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  });
  const scraping = join(folder.path, 'prometheus/prometheus.yml');
  await writeFile(
    scraping,
    (await readFile(scraping, 'utf8'))
      .replace(/scrape_interval: \w+/, 'scrape_interval: 1s')
      .replace(/scrape_timeout: \w+/, 'scrape_timeout: 1s')
      .replace(/evaluation_interval: \w+/, 'evaluation_interval: 2s'),
  );
  const override = join(folder.path, 'override.yml');
  await writeFile(
    override,
    `version: "3.9"\nservices:\n  prometheus:\n    ports: ["${prometheus}:9090"]\n    volumes: ["${join(folder.path, 'prometheus')}:/etc/prometheus:ro"]\n  alertmanager:\n    ports: ["${alertmanager}:9093"]\n`,
  );
  const [program, ...first] = words;
  const env = {
    EDGE_PORT: String(edge),
    EDGE_TLS_PORT: String(edgeTls),
    EDGE_STANDBY_PORT: String(standby),
    EDGE_STANDBY_TLS_PORT: String(standbyTls),
    // The classic builder: BuildKit asks a registry for the base image even when it is here.
    DOCKER_BUILDKIT: '0',
    COMPOSE_DOCKER_CLI_BUILD: '0',
  };
  const compose = (...args: string[]): Promise<string> =>
    mustRun(
      program,
      [
        ...first,
        '-p',
        project,
        '-f',
        join(ROOT, 'docker-compose.yml'),
        '-f',
        override,
        '--project-directory',
        ROOT,
        ...args,
      ],
      { env, timeoutMs: 600_000 },
    );
  const containers = async (service?: string): Promise<string[]> =>
    (
      await mustRun('docker', [
        'ps',
        '-aq',
        '--filter',
        `label=com.docker.compose.project=${project}`,
        ...(service ? ['--filter', `label=com.docker.compose.service=${service}`] : []),
      ])
    )
      .split('\n')
      .filter(Boolean);
  const healthy = async (timeoutMs = 120_000): Promise<void> => {
    const endMs = Date.now() + timeoutMs;
    for (;;) {
      const ids = await containers();
      const states = (
        await mustRun('docker', [
          'inspect',
          '--format',
          '{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}',
          ...ids,
        ])
      )
        .trim()
        .split('\n');
      const waiting = states.filter((line) => / running (starting|unhealthy)$/.test(line));
      if (waiting.length === 0) return;
      if (Date.now() > endMs) throw new Error(`not healthy after ${timeoutMs / 1000} s: ${waiting.join(', ')}`);
      await pause(1000);
    }
  };
  const close = async (): Promise<void> => {
    await compose('down', '-v', '--remove-orphans', '-t', '1').catch((error: Error) => say(`! ${error.message}`));
    for (const id of await containers().catch(() => [] as string[])) await run('docker', ['rm', '-f', id]);
    await folder.remove();
  };
  try {
    await compose('up', '-d', '--build', ...SERVICES);
    await healthy();
  } catch (error) {
    for (const id of await containers()) {
      const logs = await run('docker', ['logs', '--tail', '5', id]);
      say(
        `${(await mustRun('docker', ['inspect', '--format', '{{.Name}} {{.State.Status}} {{.State.ExitCode}}', id])).trim()}\n${(logs.stdout + logs.stderr).trim().slice(-600)}`,
      );
    }
    await close();
    throw error;
  }
  return {
    edges: [`http://127.0.0.1:${edge}`, `http://127.0.0.1:${standby}`],
    prometheus: `http://127.0.0.1:${prometheus}`,
    alertmanager: `http://127.0.0.1:${alertmanager}`,
    compose,
    containers,
    healthy,
    close,
  };
}
