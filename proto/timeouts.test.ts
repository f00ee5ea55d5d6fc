import test from 'ava';
import { timeoutsSchema } from './server-policy.ts';

test('the time for a recovery follows that for initialize, unless it is set', (t) => {
  t.is(timeoutsSchema.parse({}).recoveryMs, 5000);
  t.is(timeoutsSchema.parse({ initializeMs: 3000 }).recoveryMs, 5000);
  t.is(timeoutsSchema.parse({ initializeMs: 20_000 }).recoveryMs, 22_000);
  t.is(timeoutsSchema.parse({ initializeMs: 20_000, recoveryMs: 4000 }).recoveryMs, 4000);
});
