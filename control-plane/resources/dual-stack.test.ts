import { networkInterfaces } from 'node:os';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../deploy/test/mesh/start-envoy.ts';
import { httpGet } from '../../deploy/test/mesh/wait-for.ts';
import { testWith } from '../../deploy/test/test-with.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { gatewayResources } from './resources-for.ts';
import { configOf, inputsOf } from './testing/golden-cases.ts';
import { staticConfig } from './testing/static-config.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

testWith('IPv6 on loopback', hasIPv6, 'an Envoy that listens on [::] serves IPv6 and IPv4 clients', async (t) => {
  const port = await freePort();
  const config = configOf('servers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:2"]}]}]');
  const resources = gatewayResources(buildTopology(inputsOf(config, {})), {
    id: 'gateway-1',
    role: 'gateway',
    listen: `[::]:${port}`,
    extProc: ['127.0.0.1:2'],
    relay: [],
  });
  const envoy = await startEnvoy({ config: staticConfig(resources, {}) as Record<string, unknown>, logLevel: 'error' });
  t.teardown(() => envoy.close());
  for (const host of ['127.0.0.1', '[::1]'])
    t.is((await httpGet(`http://${host}:${port}/mcp/nobody`))?.status, 404, host);
});
