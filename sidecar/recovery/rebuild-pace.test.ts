import test from 'ava';
import { RebuildPace } from './rebuild-pace.ts';

test('a replica’s word rebuilds a session once in a second, a broken connection at once', (t) => {
  const pace = new RebuildPace();
  t.is(pace.waitMs('linear/a', 'unknown-session', 0), 0);
  pace.rebuilt('linear/a', 0);
  t.is(pace.waitMs('linear/a', 'unknown-session', 100), 900);
  t.is(pace.waitMs('linear/a', 'uninitialized', 999), 1);
  t.is(pace.waitMs('linear/a', 'unreachable', 100), 0);
  t.is(pace.waitMs('linear/a', 'hanging', 100), 0);
  t.is(pace.waitMs('linear/b', 'unknown-session', 100), 0, 'another session');
  t.is(pace.waitMs('linear/a', 'unknown-session', 1000), 0);
  pace.rebuilt('linear/a', 1000);
  pace.rebuilt('linear/a', 1500);
  t.is(pace.waitMs('linear/a', 'unknown-session', 2000), 500);
});
