import { get } from 'node:http';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../../deploy/test/mesh/start-envoy.ts';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { buildTopology } from '../../topology/build-topology.ts';
import { packResource } from '../../xds/resource.ts';
import { XdsServer } from '../../xds/xds-server.ts';
import { configOf, inputsOf } from './golden-cases.ts';
import { edgeResources } from '../resources-for.ts';
import { StubReplica, type Echo } from './stub-replica.ts';

/** An edge's Envoy before two stubs of gateways. */
export async function edge(t: ExecutionContext, { isSecondDraining = false, settings = '', server = '' } = {}) {
  const one = new StubReplica('one'),
    two = new StubReplica('two');
  t.teardown(async () => {
    await Promise.all([one.stop(), two.stop()]);
  });
  const addresses = await Promise.all([one.start(), two.start()]);
  const config = configOf(
    `loadBalancer: {healthCheckIntervalMs: 100, healthCheckTimeoutMs: 10000}\nedge: {${settings}}\nservers: [{name: linear, backends: [{name: stable, replicas: ["10.0.0.1:1"]}]${server && `, ${server}`}}]`,
  );
  const gateways = addresses.map((listen, index) => ({
    id: `gateway-${index + 1}`,
    relay: [],
    peer: null,
    listen,
    isDraining: isSecondDraining && index === 1,
  }));
  const port = await freePort();
  const listen = `127.0.0.1:${port}`;
  const resources = edgeResources(buildTopology(inputsOf(config, { gateways })), {
    id: 'edge-1',
    role: 'edge',
    listen,
    extProc: [],
    relay: [],
  })!;
  const xds = new XdsServer({ registry: new Registry(), staticClusters: ['control-plane'] });
  xds.setSnapshot(
    'edge/edge-1',
    new Map(
      [...resources].map(([typeUrl, byName]) => [
        typeUrl,
        new Map([...byName].map(([name, json]) => [name, packResource(typeUrl, name, json)])),
      ]),
    ),
  );
  const xdsPort = await xds.listen('127.0.0.1:0');
  t.teardown(() => xds.close());
  xds.on('nack', (refusal) => t.fail(JSON.stringify(refusal)));
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId: 'edge-1',
    role: 'edge',
    listen,
    extProc: [],
    relay: [],
    controlPlanes: [`127.0.0.1:${xdsPort}`],
    admin: '127.0.0.1:0',
  });
  const envoy = await startEnvoy({ config: bootstrap, logLevel: 'error' });
  t.teardown(() => envoy.close());
  const ask = (headers: Record<string, string> = {}) =>
    new Promise<{ status: number; body: Echo }>((resolve, reject) => {
      get({ port, path: '/mcp/linear', headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) as Echo }));
      }).on('error', reject);
    });
  return { one, two, ask, port, addresses };
}
