import test from 'ava';
import { runChecks } from '../../proto/health/run-checks.ts';
import { sampleContext } from '../admin/testing/sample-context.ts';
import { controlPlaneChecks } from './control-plane-checks.ts';

test('Redis, each server and each source that fails are checked; only an unknown topology is critical', async (t) => {
  const { context, world, stop } = await sampleContext();
  let topology = context.topology,
    redis = { set: async () => 'OK' as const };
  let problem: string | null = null,
    injection: string | null = null;
  const report = async () =>
    runChecks(
      controlPlaneChecks({
        redis,
        topology: () => topology(),
        problem: () => problem,
        injection: () => injection,
        cluster: () => null,
        discovery: () =>
          new Map([['linear/stable', { replicas: [], problem: 'there is no such file', confirmedAtMs: null }]]),
      })(),
      1000,
    );
  const bad = async () =>
    (await report()).checks.filter(({ healthy }) => !healthy).map(({ name, error }) => `${name}: ${error}`);
  t.deepEqual(await bad(), ['discovery linear/stable: there is no such file']);
  world.unhealthy.add('10.0.1.1:3000');
  redis = {
    set: async () => {
      throw new Error('away');
    },
  };
  t.deepEqual(await bad(), [
    'session-store: away',
    'server files: no healthy replica',
    'discovery linear/stable: there is no such file',
  ]);
  t.is((await report()).status, 'degraded');
  problem = 'the last good topology stays in force';
  t.true((await bad()).includes('control-loop: the last good topology stays in force'));
  injection = 'the API server answered HTTP 403';
  t.true((await bad()).includes('injection: the API server answered HTTP 403'));
  topology = () => null;
  t.is((await report()).status, 'unhealthy');
  await stop();
});
