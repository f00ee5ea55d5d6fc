import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fromStruct, type Struct } from '../../proto/xds/loader.ts';
import { isAnswer, isEndpoints, isFirst, TestControlPlane } from './testing/test-control-plane.ts';
import { assignment, policy, replica } from './testing/test-fleet.ts';
import { TopologyClient, type TopologyClientOptions } from './topology-client.ts';

async function controlPlane(t: ExecutionContext, port = 0) {
  const plane = new TestControlPlane();
  const bound = await plane.listen(port);
  t.teardown(() => plane.close());
  return { plane, address: `127.0.0.1:${bound}`, port: bound };
}

async function start(t: ExecutionContext, addresses: [string, ...string[]], more: Partial<TopologyClientOptions> = {}) {
  const client = new TopologyClient({ addresses, nodeId: 'gateway-1', version: '1', ...more });
  t.teardown(() => client.close());
  await client.start();
  return client;
}

async function tell(plane: TestControlPlane) {
  await plane.take(isFirst);
  plane.policies(policy('linear'));
  await plane.take(isEndpoints);
  plane.endpoints(assignment('linear', replica('0', 3001)));
}

test('learns policies, subscribes the endpoints of each server, and acknowledges', async (t) => {
  const { plane, address } = await controlPlane(t);
  const client = await start(t, [address], { metadata: () => ({ relay: ['127.0.0.1:7900'] }) });
  const first = await plane.take(isFirst);
  t.is(first.node!.id, 'gateway-1');
  t.deepEqual(fromStruct(first.node!.metadata as Struct), { holdfast: { relay: ['127.0.0.1:7900'], role: 'sidecar' } });
  t.deepEqual(first.resource_names_subscribe, ['*']);
  plane.policies(policy('linear'), policy('queryquill'));
  t.is((await plane.take(isAnswer)).error_detail ?? null, null);
  t.deepEqual((await plane.take(isEndpoints)).resource_names_subscribe, ['mcp.linear', 'mcp.queryquill']);
  plane.endpoints(assignment('linear', replica('0', 3001)), assignment('queryquill', replica('1', 3002)));
  t.true(await client.whenReady(60_000));
  t.is(client.topology.server('queryquill')!.bySlot('1')!.address, '127.0.0.1:3002');
});

test('refuses a bad policy with the reason and goes on with the last good one', async (t) => {
  const { plane, address } = await controlPlane(t);
  const client = await start(t, [address]);
  await tell(plane);
  t.true(await client.whenReady(60_000));
  const before = client.topology;
  plane.policies(policy('linear', { policy: { name: 'linear', onReplicaLoss: 'panic' } }));
  const nack = await plane.take((request) => Boolean(request.error_detail));
  t.regex(nack.error_detail!.message, /policy of linear: onReplicaLoss/);
  t.is(client.topology, before);
});

test('without a control plane it keeps what it has, and on reconnect says so', async (t) => {
  const { plane, address, port } = await controlPlane(t);
  const client = await start(t, [address]);
  await tell(plane);
  t.true(await client.whenReady(60_000));
  const gone = once(client, 'disconnect');
  plane.close();
  await gone;
  t.is(client.topology.server('linear')!.endpoints.length, 1);
  t.false(client.isConnected);
  const next = await controlPlane(t, port);
  t.deepEqual((await next.plane.take(isFirst)).initial_resource_versions, { linear: 'linear-1' });
  const again = await next.plane.take(isEndpoints);
  t.deepEqual(
    [again.resource_names_subscribe, again.initial_resource_versions],
    [['mcp.linear'], { 'mcp.linear': 'mcp.linear-1' }],
  );
});

test('goes on to the next address when one does not answer', async (t) => {
  const dead = await controlPlane(t);
  dead.plane.close();
  const alive = await controlPlane(t);
  const client = await start(t, [dead.address, alive.address]);
  await tell(alive.plane);
  t.true(await client.whenReady(60_000));
});

test('starts from its state file while no control plane runs', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const stateFile = join(folder, 'deep', 'topology.json');
  const { plane, address } = await controlPlane(t);
  const first = await start(t, [address], { stateFile });
  await tell(plane);
  t.true(await first.whenReady(60_000));
  await first.close();
  plane.close();
  const second = await start(t, [address], { stateFile });
  t.is(second.topology.server('linear')!.bySlot('0')!.address, '127.0.0.1:3001');
  t.true(await second.whenReady(0));
  t.false((await readFile(stateFile, 'utf8')).includes('gateway-1'));
});

test('a damaged state file is said and ignored', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const stateFile = join(folder, 'topology.json');
  for (const [text, description] of [
    ['{"format":1,"poli', /damaged/],
    ['{"format":9}', /format 9/],
    ['{"format":1,"policies":{"a":{"version":"1","json":{"policy":{}}}},"endpoints":{}}', /policy of a: name/],
  ] as const) {
    await writeFile(stateFile, text);
    const client = new TopologyClient({ addresses: ['127.0.0.1:1'], nodeId: 'x', version: '1', stateFile });
    const problem = once(client, 'problem');
    await client.start();
    t.regex(String(await problem), description);
    t.is(client.topology.servers.size, 0);
    await client.close();
  }
});
