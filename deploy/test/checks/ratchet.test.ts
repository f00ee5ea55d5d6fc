import test from 'ava';
import type { Finding } from './finding.ts';
import { ratchetProblems, tightened } from './ratchet.ts';

const finding = (rule: string, place: string): Finding => ({ rule, place, message: 'is wrong' });

test('a rule without a count allows nothing, one with a count allows that many', (t) => {
  t.deepEqual(ratchetProblems([], {}), []);
  t.deepEqual(ratchetProblems([finding('a', 'x.ts:1')], { a: 1 }), []);
  t.deepEqual(ratchetProblems([finding('a', 'x.ts:1')], {}), ['a: 1 found, 0 allowed', '  x.ts:1: is wrong']);
});

test('places that the author just changed are told alone, and a long list is cut', (t) => {
  const found = Array.from({ length: 20 }, (_, at) => finding('a', `${at < 2 ? 'new' : 'old'}.ts:${at}`));
  t.is(ratchetProblems(found, { a: 19 }, (place) => place.startsWith('new')).length, 3);
  t.is(ratchetProblems(found, { a: 19 }).at(-1), '  and 8 more');
});

test('counts fall to what was found and never rise; a rule that nothing breaks any more is gone; other tools’ rules stay', (t) => {
  const found = [finding('a', 'x.ts:1'), finding('b', 'x.ts:2'), finding('b', 'x.ts:3')];
  t.deepEqual(
    tightened(found, { a: 3, b: 1, c: 4, other: 5 }, (rule) => rule !== 'other'),
    { a: 1, b: 1, other: 5 },
  );
});
