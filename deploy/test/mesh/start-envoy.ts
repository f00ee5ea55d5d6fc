import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureEnvoy } from '../../setup/binaries.ts';
import { freePort } from './free-port.ts';
import { ManagedProcess } from './managed-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { answers, httpGet } from './wait-for.ts';

export interface EnvoyOptions {
  /** Whole configuration, as YAML text or as an object. Its `admin` is replaced by a free loopback port unless `adminPort` names one. */
  config: string | Record<string, unknown>;
  folder?: string;
  name?: string;
  adminPort?: number;
  /** Worker threads. */
  concurrency?: number;
  logLevel?: 'warning' | 'info' | 'debug' | 'trace' | 'error';
  readyTimeoutMs?: number;
}

export interface Envoy {
  process: ManagedProcess;
  adminUrl: string;
  /** Its own counters and gauges, by name. */
  stats(filter?: string): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** One Envoy on loopback. The handle comes at once, not started: `startEnvoy` also starts it. */
export async function prepareEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const own = options.folder === undefined ? await temporaryFolder() : undefined;
  const folder = options.folder ?? own!.path;
  const {
    name = 'envoy',
    adminPort = await freePort(),
    concurrency = 1,
    logLevel = 'warning',
    readyTimeoutMs,
  } = options;
  const config = typeof options.config === 'string' ? parse(options.config) : options.config;
  const file = join(folder, `${name}.yaml`);
  // Tests read hosts, resources and memory, and take an Envoy out. Nothing else of the interface is open.
  const readable = ['/ready', '/stats', '/clusters', '/config_dump', '/listeners', '/healthcheck', '/memory'];
  await writeFile(
    file,
    stringify(
      {
        ...config,
        admin: {
          address: { socket_address: { address: '127.0.0.1', port_value: adminPort } },
          allow_paths: readable.map((prefix) => ({ prefix })),
        },
      },
      { aliasDuplicateObjects: false, lineWidth: 0 },
    ),
  );
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const process = new ManagedProcess({
    name,
    command: await ensureEnvoy(),
    logFile: join(folder, `${name}.log`),
    isReady: () => answers(`${adminUrl}/ready`),
    ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }),
    args: [
      '--config-path',
      file,
      '--concurrency',
      String(concurrency),
      '--disable-hot-restart',
      '--log-level',
      logLevel,
      // Files of access logs, for tests that read them: 10 s by default.
      '--file-flush-interval-msec',
      '100',
    ],
  });
  return {
    process,
    adminUrl,
    async stats(filter = '') {
      const answer = await httpGet(`${adminUrl}/stats?format=json&filter=${encodeURIComponent(filter)}`);
      if (!answer) throw new Error(`${adminUrl} does not answer`);
      const { stats = [] } = JSON.parse(answer.body) as { stats?: Array<{ name?: string; value?: number }> };
      return Object.fromEntries(
        stats.flatMap(({ name, value }) => (name !== undefined && typeof value === 'number' ? [[name, value]] : [])),
      );
    },
    async close() {
      await process.kill();
      await own?.remove();
    },
  };
}

export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const envoy = await prepareEnvoy(options);
  try {
    await envoy.process.start();
  } catch (error) {
    await envoy.close();
    throw error;
  }
  return envoy;
}
