import test from 'ava';
import { REDIS } from './wire.ts';

test('every key in Redis begins with holdfast:, by which ACLs allow it and backups have it', (t) => {
  const keys = Object.values(REDIS).map((key) =>
    typeof key === 'string' ? key : (key as (...parts: string[]) => string)('a', 'b', 'c'),
  );
  t.deepEqual(
    keys.filter((key) => !key.startsWith('holdfast:')),
    [],
  );
});

test('the count of leaders is in the leader’s cluster slot: its hash tag is that whole key', (t) => {
  t.is(/\{([^}]+)\}/.exec(REDIS.leaderToken)?.[1], REDIS.leader);
  t.false(REDIS.leader.includes('{'));
});
