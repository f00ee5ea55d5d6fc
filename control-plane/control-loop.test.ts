import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { RESOURCE_TYPE } from '../proto/xds/loader.ts';
import { SERVER_POLICY_TYPE } from '../proto/wire.ts';
import { ControlLoop, type ControlLoopOptions } from './control-loop.ts';
import { envoyAddress } from './resources/address.ts';
import { gatewaysEndpoints } from './resources/edge/edge-cluster.ts';
import { configOf, inputsOf } from './resources/testing/golden-cases.ts';
import { waitFor } from '../deploy/test/mesh/wait-for.ts';
import { buildTopology } from './topology/build-topology.ts';
import { replicaKey, type TopologyInputs } from './topology/inputs.ts';
import type { GatewayNode } from './topology/topology.ts';
import { RoutesPace } from './routes-pace.ts';
import type { NodeInfo } from './xds/node-info.ts';
import type { Resources } from './xds/resource.ts';

const config = configOf(
  'servers: [{name: linear, backends: [{name: stable, replicas: ["10.0.0.1:1", "10.0.0.2:1"]}]}, {name: other, backends: [{name: stable, replicas: ["10.0.0.3:1"]}]}]',
);
const node = (role: string, id: string, metadata: NodeInfo['metadata'] = {}): { key: string; node: NodeInfo } => ({
  key: `${role}/${id}`,
  node: { id, cluster: 'holdfast', role, metadata: { role, ...metadata }, userAgent: '' },
});
const gateway = (id: string) =>
  node('gateway', id, { listen: '127.0.0.1:1', extProc: ['unix:/x'], relay: ['127.0.0.1:2'] });

const edge = node('edge', 'e', { listen: '0.0.0.0:80' });
const there = (id: string, more: Partial<GatewayNode> = {}): GatewayNode => ({
  id,
  relay: [`${id}:7900`],
  peer: null,
  listen: `10.0.0.${id.charCodeAt(0)}:37373`,
  isDraining: false,
  ...more,
});

function loopOver(nodes: Array<{ key: string; node: NodeInfo }>, options: Partial<ControlLoopOptions> = {}) {
  const world = {
    inputs: inputsOf(config) as TopologyInputs | null,
    published: new Map<string, Resources[]>(),
    snapshots: 0,
    reads: 0,
    errors: [] as string[],
  };
  const reported: string[] = [];
  const loop = new ControlLoop({
    errors: { report: (where) => void reported.push(where) },
    inputs: () => {
      world.reads++;
      return world.inputs;
    },
    nodes: () => nodes,
    publish: (key, resources) => {
      world.published.set(key, [...(world.published.get(key) ?? []), resources]);
    },
    onSnapshot: () => {
      world.snapshots++;
    },
    onError: (key) => {
      world.errors.push(key);
    },
    debounceMs: 0,
    ...options,
  });
  return { world, loop, reported, last: (key: string) => world.published.get(key)!.at(-1)! };
}

test('nobody is told anything while it is too early', (t) => {
  const { world, loop } = loopOver([gateway('a')]);
  world.inputs = null;
  loop.run();
  t.is(world.published.size, 0);
  t.is(loop.resourcesFor(gateway('a').node), undefined);
});

test('each node is told what is its own: gateways all of Envoy’s types, sidecars endpoints and policies, strangers nothing', (t) => {
  const { loop, last, world } = loopOver([gateway('a'), node('sidecar', 'a'), edge, node('', 'stranger')]);
  world.inputs = inputsOf(config, { gateways: [there('a')] });
  loop.run();
  t.deepEqual([...last('sidecar/a').keys()], [RESOURCE_TYPE.endpoints, SERVER_POLICY_TYPE]);
  t.true(last('gateway/a').get(RESOURCE_TYPE.cluster)!.has('mcp.linear'));
  t.true(last('edge/e').get(RESOURCE_TYPE.cluster)!.has('gateways'));
  t.false(world.published.has('/stranger'));
});

test('an edge is told nothing until a gateway is known, and keeps its gateways when all fall silent', (t) => {
  const { loop, last, world } = loopOver([edge]);
  loop.run();
  t.is(world.published.size, 0);
  t.is(loop.resourcesFor(edge.node), undefined);
  world.inputs = inputsOf(config, { gateways: [there('a', { listen: null })] });
  loop.run();
  t.is(world.published.size, 0);
  world.inputs = inputsOf(config, { gateways: [there('a')] });
  loop.run();
  t.true(last('edge/e').get(RESOURCE_TYPE.endpoints)!.has('gateways'));
  world.inputs = inputsOf(config);
  loop.run();
  t.is(world.published.get('edge/e')!.length, 1);
});

test('several sidecar processes behind one Envoy are one gateway to the edge: it drains when all of them do, or when an operator says so', (t) => {
  const health = (...gateways: GatewayNode[]): unknown =>
    gatewaysEndpoints(buildTopology(inputsOf(config, { gateways, gatewaysOut: ['b'] })));
  const [one, two] = [there('a'), there('a-2', { listen: there('a').listen })];
  const at = (listen: string, status?: string): object => ({
    cluster_name: 'gateways',
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: envoyAddress(listen) }, ...(status && { health_status: status }) }] },
    ],
  });
  t.deepEqual(health({ ...one, isDraining: true }, two), at(one.listen!));
  t.deepEqual(health({ ...one, isDraining: true }, { ...two, isDraining: true }), at(one.listen!, 'DRAINING'));
  t.deepEqual(health(there('b')), at(there('b').listen!, 'DRAINING'));
  t.deepEqual(health(there('b'), there('b-2', { listen: there('b').listen })), at(there('b').listen!, 'DRAINING'));
});

test('equal inputs publish nothing; a change leaves all that it does not touch the very same', (t) => {
  const { loop, last, world } = loopOver([gateway('a'), gateway('b'), node('sidecar', 'a')]);
  loop.run();
  world.inputs = inputsOf(config);
  loop.run();
  t.is(world.snapshots, 1);
  const before = last('gateway/a');
  world.inputs = inputsOf(config, { health: new Map([[replicaKey('linear', '10.0.0.1:1'), 'unhealthy']]) });
  loop.run();
  const changed = [...last('gateway/a')].flatMap(([typeUrl, resources]) =>
    [...resources]
      .filter(([name, resource]) => before.get(typeUrl)!.get(name)!.version !== resource.version)
      .map(([name]) => `${typeUrl.split('.').at(-1)} ${name}`),
  );
  t.deepEqual(changed, ['ClusterLoadAssignment mcp.linear']);
  t.is(
    last('gateway/a').get(RESOURCE_TYPE.routes)!.get('mcp.linear'),
    before.get(RESOURCE_TYPE.routes)!.get('mcp.linear'),
  );
  t.is(
    last('gateway/a').get(RESOURCE_TYPE.cluster)!.get('mcp.other'),
    last('gateway/b').get(RESOURCE_TYPE.cluster)!.get('mcp.other'),
  );
});

const routesOf = (resources: Resources) => resources.get(RESOURCE_TYPE.routes)!.get('mcp.linear')!;
const elsewhere = (address: string, settings = ''): TopologyInputs =>
  inputsOf(
    configOf(
      `servers: [{name: linear, ${settings} backends: [{name: stable, replicas: ["${address}"]}]}, {name: other, backends: [{name: stable, replicas: ["10.0.0.3:1"]}]}]`,
    ),
  );

test('routes are the very same for gateways that differ in their addresses alone, and a server’s replica changes no other’s', (t) => {
  const nodes = ['a', 'b'].map((id) =>
    node('gateway', id, { listen: `10.0.0.${id.charCodeAt(0)}:1`, extProc: ['unix:/x'], relay: [`${id}:7900`] }),
  );
  const { loop, last, world } = loopOver(nodes);
  const gateways = [there('a'), there('b')];
  world.inputs = inputsOf(config, { gateways });
  loop.run();
  const routes = (key: string) => last(key).get(RESOURCE_TYPE.routes)!;
  for (const name of routes('gateway/a').keys())
    t.is(routes('gateway/a').get(name), routes('gateway/b').get(name), name);
  const give = (address: string) => {
    world.inputs = { ...elsewhere(address, 'guard: off,'), gateways };
    loop.run();
    return routes('gateway/a');
  };
  const before = give('10.0.0.1:1'),
    after = give('10.0.0.9:1');
  t.not(after.get('mcp.linear')!.version, before.get('mcp.linear')!.version);
  t.is(after.get('mcp.other'), before.get('mcp.other'));
});

test('routes refer to the clusters that they name, also in parts that are bytes already', (t) => {
  const { loop, last } = loopOver([gateway('a')]);
  loop.run();
  const names = routesOf(last('gateway/a')).references.map(({ name }) => name);
  t.deepEqual(names.sort(), ['guarded.linear', 'mcp.linear', 'relay']);
});

test('large routes wait with slots that a relay knows anyway, and with nothing else', (t) => {
  const { loop, last, world } = loopOver([gateway('a')], { routesPace: new RoutesPace(() => 3_600_000) });
  const give = (inputs: TopologyInputs): Resources => {
    world.inputs = inputs;
    loop.run();
    return last('gateway/a');
  };
  const first = give(elsewhere('10.0.0.1:1')),
    moved = give(elsewhere('10.0.0.9:1'));
  t.is(routesOf(moved), routesOf(first));
  const endpoints = (resources: Resources) => resources.get(RESOURCE_TYPE.endpoints)!.get('mcp.linear')!.version;
  t.not(endpoints(moved), endpoints(first));
  // What clients are refused or guarded by is told at once, and takes the new slots along.
  const changed = give(elsewhere('10.0.0.9:1', 'allowedHosts: [mcp.example.com],'));
  t.not(routesOf(changed).version, routesOf(first).version);
  const settings = 'guard: off,';
  const open = give(elsewhere('10.0.0.9:1', settings));
  t.not(routesOf(give(elsewhere('10.0.0.10:1', settings))).version, routesOf(open).version);
  loop.stop();
});

test('with another gateway, routes of guarded servers stay as they are when replicas come and go', (t) => {
  const { loop, last, world } = loopOver([gateway('a')]);
  const give = (inputs: TopologyInputs): Resources => {
    world.inputs = { ...inputs, gateways: [there('b')] };
    loop.run();
    return last('gateway/a');
  };
  t.is(routesOf(give(elsewhere('10.0.0.9:1'))), routesOf(give(elsewhere('10.0.0.1:1'))));
  const settings = 'guard: calls,';
  t.not(routesOf(give(elsewhere('10.0.0.9:1', settings))), routesOf(give(elsewhere('10.0.0.1:1', settings))));
});

test('routes that waited follow by themselves, and then are what they would have been at once', async (t) => {
  let isSlow = true;
  const { loop, last, world } = loopOver([gateway('a')], { routesPace: new RoutesPace(() => (isSlow ? 50 : 0)) });
  world.inputs = elsewhere('10.0.0.1:1');
  loop.run();
  const first = routesOf(last('gateway/a'));
  isSlow = false;
  world.inputs = elsewhere('10.0.0.9:1');
  loop.run();
  await waitFor(() => routesOf(last('gateway/a')) !== first, { what: 'the routes follow' });
  const atOnce = loopOver([gateway('a')]);
  atOnce.world.inputs = elsewhere('10.0.0.9:1');
  atOnce.loop.run();
  t.is(routesOf(last('gateway/a')).version, routesOf(atOnce.last('gateway/a')).version);
  loop.stop();
});

test('one node’s bad resources do not keep the others from theirs', (t) => {
  const nodes = [gateway('bad'), gateway('good')];
  const told: string[] = [],
    errors: string[] = [];
  const loop = new ControlLoop({
    inputs: () => inputsOf(config),
    nodes: () => nodes,
    onSnapshot: () => {},
    onError: (key) => {
      errors.push(key);
    },
    publish: (key) => {
      if (key === 'gateway/bad') throw new Error('refused');
      told.push(key);
    },
  });
  loop.run();
  t.deepEqual([told, errors], [['gateway/good'], ['gateway/bad']]);
});

test('changes in quick succession become one', async (t) => {
  const { loop, world } = loopOver([gateway('a')]);
  for (let i = 0; i < 10; i++) loop.touch();
  t.is(world.reads, 0);
  await waitFor(() => world.reads > 0, { what: 'the loop computes' });
  t.is(world.reads, 1);
});

test('after a long computation the next change waits for as long, and one that comes later does not', async (t) => {
  let nowMs = 0;
  const { loop, world } = loopOver([gateway('a')], { now: () => nowMs });
  const { inputs } = world;
  const slow = (): TopologyInputs | null => {
    nowMs += 450;
    return inputs;
  };
  Object.defineProperty(world, 'inputs', { get: slow });
  /** How often the loop has computed when a timer of 200 ms, set at a change, fires. */
  const readsAfterAChange = (): Promise<number> => {
    loop.touch();
    return pause(200).then(() => world.reads);
  };
  loop.run();
  t.is(await readsAfterAChange(), 1);
  await waitFor(() => world.reads === 2, { what: 'the change is computed' });
  nowMs += 1000;
  t.is(await readsAfterAChange(), 3);
  loop.stop();
});

test('inputs that no topology can be made of keep what there is, are counted, and the next good ones are taken up', (t) => {
  const { world, loop, last, reported } = loopOver([gateway('a')]);
  loop.run();
  const before = loop.snapshot;
  const good = world.inputs;
  for (const bad of [{ ...good, replicas: null }, { ...good, config: {} }, 'nothing']) {
    world.inputs = bad as never;
    t.notThrows(() => loop.run());
    t.is(loop.snapshot, before);
    t.regex(loop.problem ?? '', /last good one/);
  }
  t.deepEqual(reported, ['control-loop', 'control-loop', 'control-loop']);
  world.inputs = inputsOf(configOf('servers: [{name: new, backends: [{name: s, replicas: ["10.0.0.1:1"]}]}]'));
  loop.run();
  t.is(loop.problem, null);
  t.deepEqual(
    loop.snapshot?.servers.map(({ name }) => name),
    ['new'],
  );
  t.truthy(last('gateway/a'));
});
