import { Redis } from 'ioredis';
import pino from 'pino';
import test, { type ExecutionContext } from 'ava';
import { startRedis } from '../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../deploy/test/mesh/temporary-folder.ts';
import { REDIS } from '../proto/wire.ts';
import { RESOURCE_TYPE, unpack } from '../proto/xds/loader.ts';
import type { Config } from './config/config-schema.ts';
import { startControlPlane } from './control-plane.ts';
import type { Drain } from './drain/drain.ts';
import { redisSharedState } from './lease/redis-shared-state.ts';
import { configOf } from './resources/testing/golden-cases.ts';
import { rolloutPlanSchema, type Rollout } from './rollout/rollout.ts';
import { TestClient } from './xds/testing/test-client.ts';

const config = (...ports: number[]) =>
  configOf(
    `sessionStore: {type: memory}\nservers: [{name: linear, probe: {type: "off"}, backends: [{name: stable, replicas: [${ports.map((port) => `"127.0.0.1:${port}"`).join()}]}]}]`,
  );

async function running(t: ExecutionContext, ...ports: number[]) {
  return started(t, config(...ports));
}

async function started(t: ExecutionContext, of: Config) {
  const controlPlane = await startControlPlane({
    config: of,
    text: '',
    file: 'none.yaml',
    env: {},
    version: '0',
    xds: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    stateDir: null,
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => controlPlane.stop());
  return controlPlane;
}

/** Ports of the replicas that a client is told of. */
async function told(client: TestClient, count: number): Promise<number[]> {
  const delta = await client.nth(count);
  const { endpoints = [] } = unpack<{
    endpoints?: Array<{ lb_endpoints: Array<{ endpoint: { address: { socket_address: { port_value: number } } } }> }>;
  }>(delta.resources[0]!.resource);
  return endpoints
    .flatMap(({ lb_endpoints }) => lb_endpoints.map(({ endpoint }) => endpoint.address.socket_address.port_value))
    .sort();
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
  const slots = async () =>
    ((await (await fetch(`http://127.0.0.1:${controlPlane.adminPort}/v1/replicas`)).json()) as unknown[]).length;
  before.close();
  while (
    !(await (await fetch(`http://127.0.0.1:${controlPlane.adminPort}/metrics`)).text()).includes(
      'holdfast_xds_connected_streams{role="sidecar"} 0',
    )
  );
  controlPlane.configure(config(1, 2, 3), 'changed');
  while ((await slots()) !== 3);
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

test('the first word of a control plane that starts anew denies nothing that the others know: drains, rollouts, breakers, gateways', async (t) => {
  const folder = await temporaryFolder(),
    redisServer = await startRedis({ folder: folder.path }),
    redis = new Redis(redisServer.url);
  t.teardown(async () => {
    redis.disconnect();
    await redisServer.close();
    await folder.remove();
  });
  const of = configOf(`sessionStore: {type: redis, url: "${redisServer.url}"}
servers: [{name: linear, probe: {type: "off"}, backends: [{name: stable, replicas: [{name: drained, address: "127.0.0.1:1"}, {name: broken, address: "127.0.0.1:2"}, {name: well, address: "127.0.0.1:3"}]}, {name: canary, weight: 0, replicas: [{name: new, address: "127.0.0.1:4"}]}]}]`);
  const first = await started(t, of),
    nowMs = Date.now();
  while ((await fetch(`http://127.0.0.1:${first.adminPort}/readyz`)).status !== 200);
  const replicas = (await (await fetch(`http://127.0.0.1:${first.adminPort}/v1/replicas`)).json()) as Array<{
    replica: string;
    slot: string;
  }>;
  const slot = replicas.find(({ replica }) => replica === 'broken')!.slot;
  const state = redisSharedState(redis);
  const drain = (target: Drain['target']): Drain => ({
    target,
    startedAtMs: nowMs,
    deadlineAtMs: nowMs + 600_000,
    untilRestart: false,
    doneAtMs: null,
    reason: 'just started',
  });
  await state.write(
    REDIS.drains,
    [
      drain({ kind: 'replica', server: 'linear', replica: 'drained' }),
      drain({ kind: 'gateway', gateway: 'gateway-1' }),
    ],
    0,
    null,
  );
  const rollout: Rollout = {
    id: 'r',
    plan: rolloutPlanSchema.parse({ server: 'linear', from: 'stable', to: 'canary' }),
    steps: [25, 100],
    startedAtMs: nowMs,
    isPaused: true,
    isContractApproved: true,
    phase: { kind: 'step', index: 0, sinceMs: nowMs, analysedAtMs: nowMs, failures: 0, baseline: null, reason: '' },
  };
  await state.write(REDIS.rollout('linear'), rollout, 0, null);
  await redis.hset(
    REDIS.breaker('linear'),
    `replica/${slot}`,
    JSON.stringify({
      state: 'open',
      generation: 1,
      openings: 1,
      sinceMs: nowMs,
      untilMs: nowMs + 600_000,
      by: 'gateway-2',
    }),
  );
  await redis.set(
    REDIS.gateway('gateway-2'),
    JSON.stringify({
      nodeId: 'gateway-2',
      version: '0',
      relay: ['127.0.0.1:7911'],
      peer: null,
      admin: null,
      listen: '127.0.0.1:37374',
      isDraining: false,
      atMs: nowMs,
    }),
  );

  const second = await started(t, of);
  const asSidecar = connect(second.xdsPort),
    asEnvoy = new TestClient(second.xdsPort, { id: 'gateway-1', role: 'gateway' }, undefined, {
      listen: '127.0.0.1:5',
      extProc: ['unix:/none'],
      relay: ['127.0.0.1:6'],
    });
  t.teardown(() => {
    asSidecar.close();
    asEnvoy.close();
  });
  type Said = {
    metadata: { filter_metadata: { holdfast: { replica?: string; state: string; steady?: boolean; weight?: number } } };
  };
  const { endpoints } = unpack<{ endpoints: Array<{ lb_endpoints: Said[] }> }>(
    (await asSidecar.nth(1)).resources[0]!.resource,
  );
  const said = endpoints
    .flatMap(({ lb_endpoints }) => lb_endpoints.map(({ metadata }) => metadata.filter_metadata.holdfast))
    .map(({ replica = '', state: is, steady, weight }) => [replica, is, steady, weight]);
  t.deepEqual(said.sort(), [
    ['', 'relay', undefined, undefined],
    ['broken', 'active', false, 0],
    ['drained', 'draining', false, 0],
    ['new', 'active', true, 2500],
    ['well', 'active', true, 7500],
  ]);
  // A drained gateway of which nothing was heard yet gets no listener.
  asEnvoy.say({ type: RESOURCE_TYPE.cluster, subscribe: ['*'] });
  const clusters = await asEnvoy.nth(1);
  t.true(clusters.resources.some(({ name }) => name === 'mcp.linear'));
  asEnvoy.ack(clusters);
  asEnvoy.say({ type: RESOURCE_TYPE.listener, subscribe: ['*'] });
  t.deepEqual((await asEnvoy.nth(2)).resources, []);
});
