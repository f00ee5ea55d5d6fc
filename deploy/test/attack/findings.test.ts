import test from 'ava';
import { CASES } from './cases/index.ts';
import { FINDINGS } from './findings.ts';

test('every finding is tried with the input that showed it and at least two others', (t) => {
  const counts = Map.groupBy(CASES, ({ finding }) => finding);
  const few = Object.keys(FINDINGS).filter((id) => (counts.get(id as keyof typeof FINDINGS)?.length ?? 0) < 3);
  t.deepEqual(few, []);
});

test('no two cases have the same name', (t) => {
  t.is(new Set(CASES.map(({ name }) => name)).size, CASES.length);
});
