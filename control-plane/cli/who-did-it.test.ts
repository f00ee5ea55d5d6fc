import test from 'ava';
import { SAMPLE_CONFIG } from '../admin/testing/sample-context.ts';
import { mesh, run } from './testing/run-command.ts';

test('each action of an operator stands in the events with who did it', async (t) => {
  const { sample, env, folder } = await mesh(t);
  const holdfast = (...args: string[]) => run(args, { cwd: folder, env: { ...env, HOLDFAST_BY: 'Zoë of ops' } });
  const actions: [kind: string, command: string][] = [
    ['drain.started', 'drain linear/linear-1 --no-wait'],
    ['drain.ended', 'undrain linear/linear-1'],
    ['breaker.force-open', 'breaker force-open linear --tool search'],
    ['breaker.reset', 'breaker reset linear --tool search'],
    ['rollout.started', 'rollout start linear --from stable --to canary'],
    ['rollout.paused', 'rollout pause linear'],
    ['rollout.resumed', 'rollout resume linear'],
    ['rollout.aborted', 'rollout abort linear'],
    ['rollout.cleared', 'rollout clear linear'],
    ['config.rolled-back', 'config rollback 1'],
  ];
  sample.world.file = SAMPLE_CONFIG.replace('weight: 100', 'weight: 50');
  await sample.context.versions.accept(sample.world.file);
  for (const [kind, command] of actions) {
    const { code, err } = await holdfast(...command.split(' '));
    t.is(code, 0, `${command}: ${err}`);
    const last = (await sample.context.events.list({ kind })).at(-1);
    t.is(last?.data['by'], 'Zoë of ops', kind);
    t.regex(last?.message ?? '', /\(by Zoë of ops\)$/, kind);
  }
});

test('without a name it is the user of the machine', async (t) => {
  const { sample, env, folder } = await mesh(t);
  await run(['drain', 'linear/linear-1', '--no-wait'], { cwd: folder, env });
  const [drained] = await sample.context.events.list({ kind: 'drain.started' });
  t.regex(String(drained?.data['by']), /^.+@.+$/);
});
