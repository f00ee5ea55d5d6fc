import test from 'ava';
import { GatewayRegistry } from './gateway-registry.ts';

const beat = (nodeId: string, more: object = {}) =>
  JSON.stringify({
    nodeId,
    version: '1',
    relay: [`${nodeId}:7900`],
    peer: null,
    admin: null,
    listen: null,
    isDraining: false,
    atMs: 1,
    ...more,
  });

function registry() {
  const world = { now: 0 };
  return {
    world,
    gateways: new GatewayRegistry(
      () => 10_000,
      () => world.now,
    ),
  };
}

test('a node is there by its stream or by its heartbeat, and gone when both have been silent for the failover time', (t) => {
  const { world, gateways } = registry();
  gateways.connected('b', 'sidecar', { relay: ['10.0.0.2:7900'], peer: '10.0.0.2:7901' });
  gateways.heartbeat(beat('a'));
  t.deepEqual(
    gateways.nodes().map(({ id }) => id),
    ['a', 'b'],
  );
  world.now = 9000;
  gateways.disconnected('b', 'sidecar');
  world.now = 10_001;
  t.deepEqual(
    gateways.nodes().map(({ id, peer }) => [id, peer]),
    [['b', '10.0.0.2:7901']],
  );
  world.now = 20_000;
  t.deepEqual(gateways.nodes(), []);
});

test('a connected node does not age, and one that comes back is there at once', (t) => {
  const { world, gateways } = registry();
  gateways.connected('a', 'sidecar', { relay: [] });
  world.now = 1e9;
  t.is(gateways.nodes().length, 1);
  gateways.disconnected('a', 'sidecar');
  world.now += 10_001;
  t.is(gateways.nodes().length, 0);
  gateways.heartbeat(beat('a'));
  t.is(gateways.nodes().length, 1);
});

test('the Envoy of a node says where clients reach it when the sidecar does not; an Envoy alone is no gateway', (t) => {
  const { gateways } = registry();
  gateways.connected('a', 'gateway', { listen: '10.0.0.1:37373' });
  t.deepEqual(gateways.nodes(), []);
  gateways.heartbeat(beat('a'));
  t.is(gateways.nodes()[0]!.listen, '10.0.0.1:37373');
  gateways.heartbeat(beat('a', { listen: '1.2.3.4:80' }));
  t.is(gateways.nodes()[0]!.listen, '1.2.3.4:80');
});

test('what can’t be read as a heartbeat is passed over', (t) => {
  const { gateways } = registry();
  for (const text of ['', '{', '{}', 'null', beat('')]) gateways.heartbeat(text);
  t.deepEqual(gateways.nodes(), []);
});

test('a node that is silent for long is gone, but not while Redis, where it would be heard, is away', (t) => {
  let now = 0;
  const registry = new GatewayRegistry(
    () => 10_000,
    () => now,
  );
  registry.heartbeat(
    JSON.stringify({
      nodeId: 'a',
      version: '1',
      relay: ['10.0.0.1:7900'],
      peer: null,
      admin: null,
      listen: '10.0.0.1:37373',
      isDraining: false,
      atMs: 0,
    }),
  );
  for (now = 1000; now < 60_000; now += 1000) registry.unreadable();
  t.deepEqual(
    registry.nodes().map(({ id }) => id),
    ['a'],
  );
  now += 5000;
  t.is(registry.nodes().length, 1, 'it has time to say that it is there');
  now += 6000;
  t.is(registry.nodes().length, 0);
});
