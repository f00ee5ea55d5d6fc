import test from 'ava';
import { startMesh } from '../mesh/start-mesh.ts';
import { holdfast } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

test('one node without Redis: a rollout that would wait for counts is refused with what to do; by time and health it goes through', async (t) => {
  t.timeout(120_000);
  const mesh = await startMesh({
    gateways: 1,
    redis: false,
    servers: { linear: { replicas: { stable: 1, canary: 1 }, weights: { canary: 0 } } },
  });
  t.teardown(mesh.close);
  const start = (...more: string[]) =>
    holdfast(
      mesh.controlPlane.adminUrl,
      'rollout',
      'start',
      'linear',
      '--from',
      'stable',
      '--to',
      'canary',
      '--strategy',
      'blue-green',
      '--interval',
      '1s',
      '--step',
      '1s',
      ...more,
    );
  const refused = await start();
  t.is(refused.code, 65);
  t.regex(
    refused.err,
    /without Redis \(SESSION_STORE=memory\) nobody counts them: use SESSION_STORE=redis, or minSessions 0/,
  );
  t.regex((await holdfast(mesh.controlPlane.adminUrl, 'rollout', 'status')).out, /^no rollout/i);
  const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 3, newEveryMs: 200 }).start();
  t.teardown(() => load.stop());
  const promoted = await start('--min-sessions', '0', '--wait');
  t.is(promoted.code, 0, promoted.err);
  const report = await load.stop();
  t.deepEqual(report.failures, []);
  const events = await holdfast(mesh.controlPlane.adminUrl, 'events');
  t.regex(events.out, /warning .*without Redis nobody counts/);
  t.regex((await holdfast(mesh.controlPlane.adminUrl, 'doctor')).out, /\? {5}sla +linear: nobody keeps its counters/);
});
