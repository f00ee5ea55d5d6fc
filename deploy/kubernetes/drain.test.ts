import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hasProgram, testWith } from '../test/test-with.ts';
import { envoyDrain } from '../../control-plane/inject/drain-hooks.ts';
import { freePort } from '../test/mesh/free-port.ts';
import { startEnvoy } from '../test/mesh/start-envoy.ts';
import { waitFor } from '../test/mesh/wait-for.ts';

const typed = (type: string, value: object = {}): object => ({
  '@type': `type.googleapis.com/envoy.extensions.filters.${type}`,
  ...value,
});
const socket = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** An Envoy whose client listener has the name that the control plane gives it. */
const configOf = (port: number, upstream: number): Record<string, unknown> => ({
  static_resources: {
    listeners: [
      {
        address: socket(port),
        filter_chains: [
          {
            filters: [
              {
                name: 'envoy.filters.network.http_connection_manager',
                typed_config: typed('network.http_connection_manager.v3.HttpConnectionManager', {
                  stat_prefix: 'mcp',
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [{ match: { prefix: '/' }, route: { cluster: 'server', timeout: '0s' } }],
                      },
                    ],
                  },
                  http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('http.router.v3.Router') }],
                }),
              },
            ],
          },
        ],
      },
    ],
    clusters: [
      {
        name: 'server',
        type: 'STATIC',
        load_assignment: {
          cluster_name: 'server',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(upstream) } }] }],
        },
      },
    ],
  },
});

testWith(
  'bash',
  hasProgram('bash', '--version'),
  'the hook of a pod that ends waits for the call that a real Envoy still carries',
  async (t) => {
    const held: ServerResponse[] = [];
    const server = createServer((_, response) => held.push(response));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const port = await freePort();
    const envoy = await startEnvoy({ config: configOf(port, (server.address() as AddressInfo).port) });
    t.teardown(async () => {
      server.closeAllConnections();
      server.close();
      await envoy.close();
    });
    const call = fetch(`http://127.0.0.1:${port}/mcp`).then((response) => response.text());
    await waitFor(() => held.length === 1, { what: 'the call is under way' });
    const times = { leastSeconds: 0, mostSeconds: 1000 };
    const hook = spawn('bash', ['-c', envoyDrain(Number(new URL(envoy.adminUrl).port), times)]);
    t.teardown(() => hook.kill('SIGKILL'));
    const ended = once(hook, 'close');
    // What this test itself asks is counted as well.
    let own = 0;
    const asked = async (): Promise<number> => {
      own += 1;
      return (
        ((await envoy.stats('http.admin.downstream_rq_completed'))['http.admin.downstream_rq_completed'] ?? 0) - own
      );
    };
    const before = await asked();
    await waitFor(async () => (await asked()) >= before + 2, { what: 'the hook has looked twice', everyMs: 200 });
    t.is(hook.exitCode, null);
    // Whoever still comes is served, and told to make its next connection elsewhere.
    const late = fetch(`http://127.0.0.1:${port}/mcp`);
    await waitFor(() => held.length === 2, { what: 'the late call is under way' });
    held[1]?.end('late');
    const answer = await late;
    t.is(answer.headers.get('connection'), 'close');
    t.is(await answer.text(), 'late');
    held[0]?.end('done');
    t.is(await call, 'done');
    t.deepEqual(await ended, [0, null]);
  },
);
