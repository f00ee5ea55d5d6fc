import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureEnvoy } from '../../../deploy/setup/binaries.ts';

/** A real Envoy that gets everything by delta ADS, for tests. */
export interface TestEnvoy {
  adminPort: number;
  /** Value of one of Envoy's own counters or gauges; 0 when Envoy has not made it yet. */
  stat(name: string): Promise<number>;
  /** Waits until `stat` of `name` fulfils `isSo`. */
  until(name: string, isSo: (value: number) => boolean): Promise<void>;
  configDump(): Promise<string>;
  stop(): Promise<void>;
}

const POLL_MS = 20;
/** Then a test fails with what it saw, instead of hanging. */
const TIMEOUT_MS = 60_000;

export async function startEnvoy(xdsPort: number, id = 'envoy-1'): Promise<TestEnvoy> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-xds-'));
  const adminFile = join(directory, 'admin');
  const bootstrap = {
    node: { id, cluster: 'holdfast', metadata: { holdfast: { role: 'gateway' } } },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'control-plane',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'control-plane',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: xdsPort } } } },
                ],
              },
            ],
          },
        },
      ],
    },
  };
  const child = spawn(
    await ensureEnvoy(),
    [
      '--config-yaml',
      JSON.stringify(bootstrap),
      '--admin-address-path',
      adminFile,
      '--use-dynamic-base-id',
      '--concurrency',
      '1',
      '--log-level',
      'off',
    ],
    { stdio: 'ignore' },
  );
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  let address = '';
  const read = (): Promise<string> => readFile(adminFile, 'utf8').catch(() => '');
  for (address = await read(); address === ''; address = await read()) {
    if (child.exitCode !== null) {
      await stop();
      throw new Error(`Envoy ended with ${child.exitCode}`);
    }
    await sleep(POLL_MS);
  }
  const get = async (path: string) => (await fetch(`http://${address.trim()}${path}`)).text();
  const stat = async (name: string) =>
    Number(
      new RegExp(`^${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm').exec(
        await get(`/stats?filter=${encodeURIComponent(`^${name.replaceAll('.', '\\.')}$`)}`),
      )?.[1] ?? 0,
    );
  return {
    adminPort: Number(address.trim().split(':')[1]),
    stat,
    stop,
    async until(name, isSo) {
      const endsAtMs = Date.now() + TIMEOUT_MS;
      for (let value = await stat(name); !isSo(value); value = await stat(name)) {
        if (Date.now() > endsAtMs) throw new Error(`${name} is ${value} after ${TIMEOUT_MS / 1000} s`);
        await sleep(POLL_MS);
      }
    },
    configDump: () => get('/config_dump?include_eds'),
  };
}
