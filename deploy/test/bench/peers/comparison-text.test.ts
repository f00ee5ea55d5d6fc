import { readFileSync } from 'node:fs';
import test from 'ava';
import { comparisonPage, PAGE } from './comparison-text.ts';

test('docs/comparison.md shows the run that is kept in docs/peers.json; npm run fix writes it', (t) => {
  const page = readFileSync(PAGE, 'utf8');
  t.is(page, comparisonPage(page));
  t.throws(() => comparisonPage('# A page'), { message: /lacks the lines/ });
});
