import test from 'ava';
import { certificateChecks } from './certificate-check.ts';
import { diagnose } from './diagnose.ts';
import { sampleContext } from './testing/sample-context.ts';

const verdicts = async (context: Parameters<typeof diagnose>[0]) =>
  (await diagnose(context, 100 << 20))
    .filter(({ verdict }) => verdict !== 'good')
    .map(({ verdict, area, name, description }) => `${verdict} ${area} ${name}: ${description}`);

test('what is not as it should be is found, with advice', async (t) => {
  const { context, world, stop } = await sampleContext();
  t.deepEqual(await verdicts(context), [
    'bad gateways gateway-2: named in HA_CLUSTER_NODES, but not there',
    'warning gateways cluster: only one gateway node',
    'warning servers files: one replica takes all sessions',
    'unknown balancer edge: none is configured',
  ]);
  world.unhealthy.add('linear-1').add('10.0.1.1:3000');
  context.events.append({ kind: 'x', level: 'error', message: 'it broke' });
  context.withoutHeartbeat = () => ['gateway-1'];
  context.pingStore = async () => {
    throw new Error('away');
  };
  const found = (await verdicts(context)).join('\n');
  for (const part of [
    'bad gateways gateway-1: connected here, but Redis has no heartbeat of it',
    'bad servers files: no healthy replica',
    'warning servers linear: unhealthy: linear-1 (connection failed: ECONNREFUSED)',
    'bad errors events: 1 in the last 15 minutes, the last: it broke',
    'bad redis session store: can’t be reached: away',
  ])
    t.true(found.includes(part), part);
  t.true((await diagnose(context)).every(({ verdict, advice }) => (verdict === 'good') === (advice === null)));
  await stop();
});

test('a refused configuration is bad until the file is put right, and no longer', async (t) => {
  const { context, world, stop } = await sampleContext();
  const { file } = context;
  if (!file) return t.fail('the sample has a file');
  let text = `${world.file}nonsense: true\n`;
  context.file = { ...file, read: async () => text };
  context.events.append({ kind: 'config.refused', level: 'error', message: 'the changed configuration is bad' });
  const bad = async () => (await verdicts(context)).filter((line) => /^bad (errors|configuration)/.test(line));
  t.is((await bad()).length, 2);
  text = world.file;
  t.deepEqual(await bad(), []);
  context.events.append({ kind: 'x', level: 'error', message: 'it broke' });
  t.deepEqual(await bad(), ['bad errors events: 1 in the last 15 minutes, the last: it broke']);
  await stop();
});

test('a certificate that can not be read is said', async (t) => {
  const { context, stop } = await sampleContext();
  const config = {
    ...context.config(),
    gateway: { ...context.config().gateway, tls: { certificateFile: 'cert.pem', keyFile: 'key.pem' } },
  };
  t.like(
    certificateChecks(config, 0, () => Buffer.from('not one')),
    [{ verdict: 'bad', name: 'cert.pem' }],
  );
  await stop();
});
