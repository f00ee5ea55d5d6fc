import test from 'ava';
import { readOptions } from './options.ts';
import { plan, type Plan } from './plan.ts';

const of = (argv: string[], env: NodeJS.ProcessEnv = {}, text?: string): Plan => plan(readOptions(argv), env, text);
const ready = (planned: Plan): Extract<Plan, { kind: 'ready' }> => {
  if (planned.kind !== 'ready') throw new Error(planned.problems.join('\n'));
  return planned;
};
const FILE = 'port: 4000\nservers: [{name: mine, backends: [{name: stable, replicas: ["127.0.0.1:3001"]}]}]\n';

test('without options: two gateways on 37373, three replicas of linear, two of queryquill, a Redis of its own', (t) => {
  const { mesh, servers, needsRedis } = ready(of([]));
  t.like(mesh, { gateways: 2, port: 37373, redis: 'persistent' });
  t.like(mesh.servers, { linear: { replicas: 3 }, queryquill: { replicas: 2 } });
  t.deepEqual(servers, ['linear', 'queryquill']);
  t.true(needsRedis);
});

test('options win over the environment, the environment over the file', (t) => {
  t.is(ready(of(['--port', '5000'], { PORT: '6000' })).mesh.port, 5000);
  t.is(ready(of(['--config', 'f'], { PORT: '6000' }, FILE)).mesh.port, 6000);
  t.is(ready(of(['--config', 'f'], {}, FILE)).mesh.port, 4000);
  t.like(ready(of(['--gateways', '3', '--replicas', '1'])).mesh, {
    gateways: 3,
    servers: { linear: { replicas: 1 }, queryquill: { replicas: 1 } },
  });
});

test('with a file of one’s own, its servers run elsewhere and no example is started', (t) => {
  const { mesh, servers } = ready(of(['--config', 'f'], {}, FILE));
  t.is(mesh.servers, undefined);
  t.is(mesh.configFile, 'f');
  t.deepEqual(servers, ['mine']);
});

test('sessions in memory mean one gateway, and more are refused', (t) => {
  t.like(ready(of([], { SESSION_STORE: 'memory' })), { needsRedis: false, mesh: { gateways: 1, redis: false } });
  t.deepEqual(of(['--gateways', '2'], { SESSION_STORE: 'memory' }), {
    kind: 'refused',
    problems: [
      'SESSION_STORE=memory keeps sessions in one node, and --gateways asks for 2: use --gateways 1, or Redis',
    ],
  });
});

test('a Redis that is named is used, none is started', (t) => {
  t.like(ready(of([], { SESSION_STORE_URL: 'redis://127.0.0.1:7000' })), {
    needsRedis: false,
    mesh: { redis: { url: 'redis://127.0.0.1:7000' } },
  });
});

test('each node is told its own name and port; other settings of the environment reach all', (t) => {
  t.deepEqual(ready(of([], { HA_NODE_ID: 'x', PORT: '5000', CIRCUIT_BREAKER_THRESHOLD: '7', HOME: '/h' })).mesh.env, {
    CIRCUIT_BREAKER_THRESHOLD: '7',
  });
});

test('what is wrong is named, all of it', (t) => {
  const planned = of(['--config', 'f'], { CIRCUIT_BREAKER_THRESHOLD: 'many' }, 'port: no\nservers: []\n');
  t.is(planned.kind, 'refused');
  t.true(planned.kind === 'refused' && planned.problems.length >= 3);
  t.throws(() => readOptions(['--gateways', '0']), { message: /--gateways 0: expected a whole number from 1 to 16/ });
  t.throws(() => readOptions(['--gatways', '2']), { message: /gatways/ });
  t.throws(() => readOptions(['--config', 'f', '--replicas', '2']), { message: /leave one of the two out/ });
});
