import test from 'ava';
import { table } from './table.ts';

test('numbers stand to the right, words to the left, missing values are dashes', (t) => {
  t.is(
    table(
      ['name', 'count'],
      [
        ['a', 5],
        ['bcdef', 1000],
        ['c', null],
      ],
    ),
    ['name   count', '─────  ─────', 'a          5', 'bcdef   1000', 'c          –'].join('\n'),
  );
});
