import test from 'ava';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { Attempts } from './attempts.ts';

test('the first repetition goes at once, further ones after growing pauses, and beyond the cap none', async (t) => {
  const pauses: number[] = [];
  const attempts = new Attempts({
    budget: { acquire: () => Promise.resolve(true), release: () => undefined },
    policy: serverPolicySchema.parse({ name: 's' }),
    random: () => 1,
    counted: () => undefined,
    sleep: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
  });
  for (let sent = 0; sent < 6; sent += 1) {
    t.is(await attempts.admit(6), 'granted');
    attempts.sent += 1;
  }
  t.is(await attempts.admit(6), 'capped');
  t.deepEqual(pauses, [50, 100, 200, 400]);
});
