import pino from 'pino';
import test, { type ExecutionContext } from 'ava';
import { RESOURCE_TYPE, unpack } from '../proto/xds/loader.ts';
import { startControlPlane } from './control-plane.ts';
import { configOf } from './resources/golden-cases.ts';
import { TestClient } from './xds/test-client.ts';

const config = (...ports: number[]) => configOf(`sessionStore: {type: memory}\nservers: [{name: linear, probe: {type: "off"}, backends: [{name: stable, replicas: [${ports.map((port) => `"127.0.0.1:${port}"`).join()}]}]}]`);

async function running(t: ExecutionContext, ...ports: number[]) {
  const controlPlane = await startControlPlane({
    config: config(...ports), text: '', file: 'none.yaml', env: {}, version: '0', xds: '127.0.0.1:0', admin: '127.0.0.1:0', stateDir: null, log: pino({ level: 'silent' }),
  });
  t.teardown(() => controlPlane.stop());
  return controlPlane;
}

/** Ports of the replicas that a client is told of. */
async function told(client: TestClient, count: number): Promise<number[]> {
  const delta = await client.nth(count);
  const { endpoints = [] } = unpack<{ endpoints?: Array<{ lb_endpoints: Array<{ endpoint: { address: { socket_address: { port_value: number } } } }> }> }>(delta.resources[0]!.resource);
  return endpoints.flatMap(({ lb_endpoints }) => lb_endpoints.map(({ endpoint }) => endpoint.address.socket_address.port_value)).sort();
}

const connect = (port: number): TestClient => {
  const client = new TestClient(port, { id: 'gateway-1', role: 'sidecar' });
  client.say({ type: RESOURCE_TYPE.endpoints, subscribe: ['mcp.linear'] });
  return client;
};

test('a node that was away while something changed is told when it is back', async (t) => {
  const controlPlane = await running(t, 1, 2);
  const before = connect(controlPlane.xdsPort);
  t.deepEqual(await told(before, 1), [1, 2]);
  const slots = async () => ((await (await fetch(`http://127.0.0.1:${controlPlane.adminPort}/v1/replicas`)).json()) as unknown[]).length;
  before.close();
  while (!(await (await fetch(`http://127.0.0.1:${controlPlane.adminPort}/metrics`)).text()).includes('holdfast_xds_connected_streams{role="sidecar"} 0'));
  controlPlane.configure(config(1, 2, 3), 'changed');
  while (await slots() !== 3);
  const after = connect(controlPlane.xdsPort);
  t.teardown(() => after.close());
  t.deepEqual(await told(after, 1), [1, 2, 3]);
});

test('a connected node is told of a changed configuration', async (t) => {
  const controlPlane = await running(t, 1);
  const client = connect(controlPlane.xdsPort);
  t.teardown(() => client.close());
  t.deepEqual(await told(client, 1), [1]);
  client.ack(await client.nth(1));
  controlPlane.configure(config(1, 2), 'changed');
  t.deepEqual(await told(client, 2), [1, 2]);
});
