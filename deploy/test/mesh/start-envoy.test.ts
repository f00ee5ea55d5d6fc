import test from 'ava';
import { freePort } from './free-port.ts';
import { startEnvoy } from './start-envoy.ts';
import { httpGet } from './wait-for.ts';

const listener = (port: number): Record<string, unknown> => ({
  static_resources: {
    listeners: [
      {
        name: 'a',
        address: { socket_address: { address: '127.0.0.1', port_value: port } },
        filter_chains: [
          {
            filters: [
              {
                name: 'hcm',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  stat_prefix: 'a',
                  http_filters: [
                    {
                      name: 'router',
                      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                    },
                  ],
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [
                          {
                            match: { prefix: '/' },
                            direct_response: { status: 200, body: { inline_string: 'hello' } },
                          },
                        ],
                      },
                    ],
                  },
                },
              },
            ],
          },
        ],
      },
    ],
  },
});

test('an Envoy with a configuration of one’s own answers and counts', async (t) => {
  const port = await freePort();
  const envoy = await startEnvoy({ config: listener(port) });
  t.teardown(() => envoy.close());
  t.deepEqual(await httpGet(`http://127.0.0.1:${port}/`), { status: 200, body: 'hello' });
  t.is((await envoy.stats('http.a.downstream_rq_2xx'))['http.a.downstream_rq_2xx'], 1);
});

test('a configuration that Envoy refuses is an error with Envoy’s words', async (t) => {
  await t.throwsAsync(startEnvoy({ config: 'static_resources: {nonsense: 1}' }), {
    message: /envoy ended .* before it was ready\n.*nonsense/s,
  });
});
