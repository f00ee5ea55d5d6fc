import test from 'ava';
import type { Check } from './check.ts';
import { compare } from './compare.ts';

const check = (id: string, status: Check['status'], error: string | null = null): Check => ({
  scenario: 'ping',
  id,
  status,
  error,
});

test('equal sets of passed checks differ in nothing, whatever else they hold', (t) => {
  t.deepEqual(compare([check('a', 'SUCCESS'), check('b', 'INFO')], [check('a', 'SUCCESS'), check('c', 'SKIPPED')]), []);
});

test('a check that passes less often through the mesh is named, with what was said of it', (t) => {
  const direct = [check('a', 'SUCCESS'), check('a', 'SUCCESS')];
  t.deepEqual(compare(direct, [check('a', 'SUCCESS'), check('a', 'FAILURE', 'no answer')]), [
    { check: 'ping/a', direct: 2, mesh: 1, why: 'no answer' },
  ]);
});

test('a check that is missing is explained by what failed in its scenario', (t) => {
  t.deepEqual(compare([check('a', 'SUCCESS')], [check('ping-error', 'FAILURE', 'connection refused')]), [
    { check: 'ping/a', direct: 1, mesh: 0, why: 'connection refused' },
  ]);
});

test('a check that passes only through the mesh is a difference too', (t) => {
  t.deepEqual(compare([], [check('a', 'SUCCESS')]), [{ check: 'ping/a', direct: 0, mesh: 1, why: null }]);
});
