import test from 'ava';
import { Memo } from './memo.ts';

test('while it is holding, a change of lazy inputs waits, what is made ahead is taken up later, and other changes go at once', (t) => {
  const memo = new Memo(),
    made: string[] = [];
  const get = (input: string, lazy: string): string =>
    memo.get(
      'routes',
      [input],
      () => {
        made.push(`${input}${lazy}`);
        return `${input}${lazy}`;
      },
      [lazy],
    );
  t.is(get('a', '1'), 'a1');
  memo.isHolding = true;
  t.is(get('a', '2'), 'a1');
  t.true(memo.hasHeld);
  t.deepEqual(made, ['a1']);
  memo.mayPrepare = 1;
  t.is(get('a', '3'), 'a1');
  t.is(get('a', '3'), 'a1');
  t.is(get('a', '4'), 'a1');
  t.deepEqual(made, ['a1', 'a3'], 'no more than may be made ahead');
  memo.isHolding = false;
  t.is(get('a', '3'), 'a3');
  t.deepEqual(made, ['a1', 'a3']);
  t.is(get('a', '4'), 'a4');
  memo.isHolding = true;
  memo.mayPrepare = 1;
  t.is(get('a', '5'), 'a4');
  t.is(get('b', '5'), 'b5');
  memo.isHolding = false;
  t.is(get('b', '6'), 'b6');
  t.is(get('b', '6'), 'b6');
  t.deepEqual(made, ['a1', 'a3', 'a4', 'a5', 'b5', 'b6']);
});
