import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { RESOURCE_TYPE as TYPE } from '../../proto/xds/loader.ts';
import type { Refusal } from './ads-stream.ts';
import type { NodeInfo } from './node-info.ts';
import { summary, TestClient } from './testing/test-client.ts';
import { cluster, endpoints, listener, routes, snapshotOf, type Parts } from './testing/test-resources.ts';
import { SnapshotError, XdsServer } from './xds-server.ts';

const KEY = 'gateway/envoy-1';
const mesh: Parts = {
  cluster: [cluster('a')],
  endpoints: [endpoints('a', 1)],
  listener: [listener('mcp', 2, 'mcp')],
  routes: [routes('mcp', 'a')],
};

async function serve(t: ExecutionContext, parts: Parts = mesh) {
  const registry = new Registry();
  const server = new XdsServer({ registry, staticClusters: ['control-plane'] });
  server.setSnapshot(KEY, snapshotOf(parts));
  const port = await server.listen('127.0.0.1:0');
  t.teardown(() => server.close());
  const connect = (id = 'envoy-1') => {
    const client = new TestClient(port, { id });
    t.teardown(() => client.close());
    return client;
  };
  return { server, registry, port, connect, client: connect() };
}

test('a wildcard subscription gets everything once, and after its ACK only what changed', async (t) => {
  const { server, client } = await serve(t, {
    ...mesh,
    cluster: [cluster('a'), cluster('b')],
    endpoints: [endpoints('a', 1), endpoints('b', 1)],
  });
  client.say({ type: TYPE.cluster });
  const first = await client.nth(1);
  t.is(summary(first), 'Cluster: a b');
  client.ack(first);
  await client.quiet();
  server.setSnapshot(
    KEY,
    snapshotOf({
      ...mesh,
      cluster: [cluster('a'), cluster('b', { connect_timeout: '2s' })],
      endpoints: [endpoints('a', 1), endpoints('b', 1)],
    }),
  );
  t.is(summary(await client.nth(2)), 'Cluster: b');
});

test('a subscription by name gets that name; a name that does not exist is said to be removed', async (t) => {
  const { client } = await serve(t);
  client.say({ type: TYPE.endpoints, subscribe: ['a', 'ghost'] });
  t.is(summary(await client.nth(1)), 'ClusterLoadAssignment: a -ghost');
});

test('a subscription is answered again, even when nothing changed', async (t) => {
  const { client } = await serve(t);
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  client.ack(await client.nth(1));
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  t.is(summary(await client.nth(2)), 'ClusterLoadAssignment: a');
});

test('after unsubscribing nothing more comes of that name', async (t) => {
  const { server, client } = await serve(t);
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  client.ack(await client.nth(1));
  client.say({ type: TYPE.endpoints, unsubscribe: ['a'] });
  await client.quiet();
  server.setSnapshot(KEY, snapshotOf({ ...mesh, endpoints: [endpoints('a', 9)] }));
  await client.quiet();
  t.is(client.heard.length, 1);
});

test('a client that comes back with the versions it has is sent only what changed and what is gone', async (t) => {
  const { server, client, connect } = await serve(t, {
    ...mesh,
    cluster: [cluster('a'), cluster('b')],
    endpoints: [endpoints('a', 1), endpoints('b', 1)],
  });
  client.say({ type: TYPE.cluster });
  const first = await client.nth(1);
  const versions = Object.fromEntries(first.resources.map(({ name, version }) => [name, version]));
  const again = connect();
  again.say({ type: TYPE.cluster, versions });
  await again.quiet();
  server.setSnapshot(KEY, snapshotOf({ ...mesh, cluster: [cluster('a', { connect_timeout: '9s' })] }));
  const third = connect();
  third.say({ type: TYPE.cluster, versions });
  t.is(summary(await third.nth(1)), 'Cluster: a -b');
});

test('of a refused response the good resources still arrive, and the bad one is not sent again until it changes', async (t) => {
  const two = (b: object) =>
    snapshotOf({
      ...mesh,
      cluster: [cluster('a'), cluster('b', { ...b })],
      endpoints: [endpoints('a', 1), endpoints('b', 1)],
    });
  const { server, client } = await serve(t);
  server.setSnapshot(KEY, two({ connect_timeout: '2s' }));
  const refusals: Refusal[] = [];
  server.on('nack', (refusal) => refusals.push(refusal));
  client.say({ type: TYPE.cluster });
  client.nack(await client.nth(1), 'b is bad');
  const alone = await client.nth(2);
  t.is(summary(alone), 'Cluster: a');
  client.ack(alone);
  const bad = await client.nth(3);
  t.is(summary(bad), 'Cluster: b');
  client.nack(bad, 'b is bad');
  await client.quiet();
  t.deepEqual(
    refusals.map(({ resources, isFinal, reason }) => ({ resources, isFinal, reason })),
    [
      { resources: ['a', 'b'], isFinal: false, reason: 'b is bad' },
      { resources: ['b'], isFinal: true, reason: 'b is bad' },
    ],
  );
  server.setSnapshot(KEY, two({ connect_timeout: '3s' }));
  t.is(summary(await client.nth(4)), 'Cluster: b');
});

test('new routes wait for the new cluster they use, and a cluster is removed after the routes that used it', async (t) => {
  const { server, client } = await serve(t);
  const settle = async (count: number) => {
    const delta = await client.nth(count);
    client.ack(delta);
    return summary(delta);
  };
  client.say({ type: TYPE.cluster });
  await settle(1);
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  await settle(2);
  client.say({ type: TYPE.routes, subscribe: ['mcp'] });
  await settle(3);
  await client.quiet();
  server.setSnapshot(
    KEY,
    snapshotOf({
      cluster: [cluster('b')],
      endpoints: [endpoints('b', 2)],
      listener: [listener('mcp', 2, 'mcp')],
      routes: [routes('mcp', 'b')],
    }),
  );
  const added = await client.nth(4);
  t.is(summary(added), 'Cluster: b');
  await client.quiet();
  client.say({ type: TYPE.endpoints, subscribe: ['b'] });
  t.is(await settle(5), 'ClusterLoadAssignment: b');
  await client.quiet();
  client.ack(added);
  t.is(await settle(6), 'RouteConfiguration: mcp');
  t.is(await settle(7), 'Cluster: -a');
  t.is(summary(await client.nth(8)), 'ClusterLoadAssignment: -a');
});

test('changes while a response waits for its ACK are coalesced to the latest', async (t) => {
  const { server, client } = await serve(t);
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  const first = await client.nth(1);
  for (let port = 10; port < 30; port++)
    server.setSnapshot(KEY, snapshotOf({ ...mesh, endpoints: [endpoints('a', port)] }));
  await client.quiet();
  client.ack(first);
  t.is(
    (await client.nth(2)).resources[0]!.version,
    snapshotOf({ ...mesh, endpoints: [endpoints('a', 29)] })
      .get(TYPE.endpoints)!
      .get('a')!.version,
  );
  client.ack(await client.nth(2));
  await client.quiet();
});

test('a stale nonce settles nothing', async (t) => {
  const { server, client, registry } = await serve(t);
  client.say({ type: TYPE.endpoints, subscribe: ['a'] });
  const first = await client.nth(1);
  client.say({ type: TYPE.endpoints, nonce: 'of-yesterday' });
  server.setSnapshot(KEY, snapshotOf({ ...mesh, endpoints: [endpoints('a', 5)] }));
  await client.quiet();
  client.ack(first);
  await client.nth(2);
  const metrics = await registry.metrics();
  t.regex(metrics, /answers_total\{type="ClusterLoadAssignment",answer="stale"\} 1/);
  t.regex(metrics, /answers_total\{type="ClusterLoadAssignment",answer="ack"\} 1/);
  t.regex(metrics, /pushed_bytes_total\{type="ClusterLoadAssignment"\} \d{2,}/);
});

test('nodes come and go by event, each with its own snapshot', async (t) => {
  const { server, connect } = await serve(t);
  const seen: string[] = [];
  server.on('connect', (node: NodeInfo, key, streams) => {
    seen.push(`+${key} ${streams}`);
    if (node.id === 'other') server.setSnapshot(key, snapshotOf({ endpoints: [endpoints('z', 1)] }));
  });
  const gone = new Promise<void>((resolve) =>
    server.on('disconnect', (_, key, streams) => {
      seen.push(`-${key} ${streams}`);
      resolve();
    }),
  );
  const other = connect('other');
  other.say({ type: TYPE.endpoints });
  t.is(summary(await other.nth(1)), 'ClusterLoadAssignment: z');
  t.deepEqual(
    server.nodes().map(({ key }) => key),
    ['gateway/other'],
  );
  other.close();
  await gone;
  t.deepEqual(seen, ['+gateway/other 1', '-gateway/other 0']);
});

test('a node that comes back gets what there is now, not what there was when it went', async (t) => {
  const registry = new Registry();
  let port = 1;
  const server = new XdsServer({ registry });
  server.on('connect', (_node, key) => server.setSnapshot(key, snapshotOf({ endpoints: [endpoints('a', port)] })));
  const bound = await server.listen('127.0.0.1:0');
  t.teardown(() => server.close());
  const versionSeen = async () => {
    const client = new TestClient(bound);
    const gone = new Promise((resolve) => server.once('disconnect', resolve));
    client.say({ type: TYPE.endpoints });
    const { version } = (await client.nth(1)).resources[0]!;
    client.close();
    await gone;
    return version;
  };
  const before = await versionSeen();
  port = 2;
  t.not(await versionSeen(), before);
});

test('a snapshot with a reference to nothing is refused and the former one stays', async (t) => {
  const { server } = await serve(t);
  const before = server.snapshot(KEY);
  const error = t.throws(
    () =>
      server.setSnapshot(
        KEY,
        snapshotOf({
          cluster: [cluster('a')],
          listener: [listener('mcp', 1, 'nowhere')],
          routes: [routes('mcp', 'control-plane', 'ghost')],
        }),
      ),
    { instanceOf: SnapshotError },
  );
  t.is(error.problems.length, 3);
  t.regex(
    error.message,
    /Cluster a refers to endpoints "a".*Listener mcp refers to routes "nowhere".*RouteConfiguration mcp refers to cluster "ghost"/,
  );
  t.is(server.snapshot(KEY), before);
});

test('a first request without node.id ends the stream with a reason', async (t) => {
  const { port } = await serve(t);
  const client = new TestClient(port, { id: '' });
  t.teardown(() => client.close());
  client.say({ type: TYPE.cluster });
  t.like(await client.ended, { code: 3, details: 'the first request of an ADS stream must carry node.id' });
});
