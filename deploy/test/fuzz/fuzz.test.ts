import test from 'ava';
import { readdirSync, readFileSync } from 'node:fs';
import { fuzz } from './fuzz.ts';
import { FUZZ_TARGETS } from './targets.ts';

for (const [name, target] of Object.entries(FUZZ_TARGETS)) {
  test(`${name}: the corpus and 20,000 of its neighbours pass`, (t) => {
    const folder = new URL(`./corpus/${name}/`, import.meta.url);
    const corpus = readdirSync(folder)
      .sort()
      .map((file) => readFileSync(new URL(file, folder)));
    t.true(corpus.length > 0);
    t.is(fuzz(name, target, corpus, 20_000, 1).failure, null);
  });
}

test('a reader that is wrong is found, and the same seed finds it again', (t) => {
  const wrong = (input: Buffer) => {
    if (input.includes('{}')) throw new Error('wrong');
  };
  const first = fuzz('wrong', wrong, [Buffer.from('abc')], 100_000, 7),
    again = fuzz('wrong', wrong, [Buffer.from('abc')], 100_000, 7);
  t.truthy(first.failure);
  t.deepEqual(first, again);
});
