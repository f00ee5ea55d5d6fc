import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { internalErrors } from '../../proto/internal-errors.ts';
import { RESOURCE_TYPE as TYPE } from '../../proto/xds/loader.ts';
import { TestClient } from './testing/test-client.ts';
import { cluster, endpoints, snapshotOf } from './testing/test-resources.ts';
import { XdsServer } from './xds-server.ts';

const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;

async function serve(t: ExecutionContext) {
  const registry = new Registry();
  const errors = internalErrors(registry, { error: () => {} } as never);
  const server = new XdsServer({ registry, errors });
  server.setSnapshot('gateway/good', snapshotOf({ cluster: [cluster('a')], endpoints: [endpoints('a', 1)] }));
  const port = await server.listen('127.0.0.1:0');
  t.teardown(() => server.close());
  const connect = (id: string, metadata = {}) => {
    const client = new TestClient(port, { id }, undefined, metadata);
    t.teardown(() => client.close());
    return client;
  };
  const isServing = async () => {
    const client = connect('good');
    client.say({ type: TYPE.cluster });
    return (await client.nth(1)).resources.length === 1;
  };
  return { server, registry, connect, isServing };
}

const nested = (depth: number): unknown => (depth === 0 ? 1 : { x: nested(depth - 1) });

test('a client that asks for too much, in any of its parts, is refused, and the others are served', async (t) => {
  const { connect, isServing } = await serve(t);
  const long = 'x'.repeat(5000);
  const names = (from: number, count: number) => Array.from({ length: count }, (_, index) => `n${from + index}`);
  const attacks: Record<string, [number, (client: TestClient) => void]> = {
    'a long type': [INVALID_ARGUMENT, (client) => client.say({ type: long })],
    'no type': [INVALID_ARGUMENT, (client) => client.say({})],
    'a long name': [INVALID_ARGUMENT, (client) => client.say({ type: TYPE.cluster, subscribe: [long] })],
    'a long version': [INVALID_ARGUMENT, (client) => client.say({ type: TYPE.cluster, versions: { a: long } })],
    'many types': [
      RESOURCE_EXHAUSTED,
      (client) => {
        for (let i = 0; i < 40; i++) client.say({ type: `t${i}`, subscribe: ['a'] });
      },
    ],
    'many names over several types': [
      RESOURCE_EXHAUSTED,
      (client) => {
        for (let i = 0; i < 6; i++) client.say({ type: `t${i}`, subscribe: names(0, 20_000) });
      },
    ],
    'many versions': [
      RESOURCE_EXHAUSTED,
      (client) => {
        for (let i = 0; i < 6; i++)
          client.say({ type: `t${i}`, versions: Object.fromEntries(names(0, 20_000).map((name) => [name, '1'])) });
      },
    ],
  };
  for (const [name, [code, attack]] of Object.entries(attacks)) {
    const client = connect('bad');
    attack(client);
    t.is((await client.ended).code, code, name);
    t.true(await isServing(), name);
  }
  const longId = connect('i'.repeat(5000));
  longId.say({ type: TYPE.cluster });
  t.is((await longId.ended).code, INVALID_ARGUMENT);
});

test('answers to nothing, from the future, and deep metadata change nothing, and their words make no series', async (t) => {
  const { connect, isServing, registry } = await serve(t);
  const client = connect('good', { deep: nested(300), relay: [{ a: 1 }, null], listen: 7 });
  client.say({ type: 'made.up.Type1', subscribe: ['x'], nonce: '77', error: 'no' });
  for (const type of [TYPE.cluster, 'made.up.Type1', 'made.up.Type2']) {
    client.say({ type, nonce: '99' });
    client.say({ type, nonce: '99', error: 'refused' });
    client.say({ type, unsubscribe: ['never', '*'] });
  }
  const tooDeep = connect('deep', { deep: nested(3000) });
  t.teardown(() => tooDeep.close());
  tooDeep.say({ type: TYPE.cluster });
  t.true(await isServing());
  t.notRegex(await registry.metrics(), /made\.up|Type[12]/);
});

test('a listener that fails at one stream ends that stream alone, and is counted', async (t) => {
  const { server, connect, isServing, registry } = await serve(t);
  server.on('connect', ({ id }) => {
    if (id === 'bad') throw new TypeError('a bug');
  });
  server.on('disconnect', ({ id }) => {
    if (id === 'bad') throw new TypeError('another bug');
  });
  const bad = connect('bad');
  bad.say({ type: TYPE.cluster });
  t.is((await bad.ended).code, INTERNAL);
  t.true(await isServing());
  t.regex(await registry.metrics(), /holdfast_internal_errors_total\{where="xds"\} 2/);
});
