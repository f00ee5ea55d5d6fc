import test from 'ava';
import { ListenPace } from './listen-pace.ts';

/** A budget of so many places, and a breaker that is open for `rejectedMs`. */
function start(places = 1) {
  const admission = {
    rejectedMs: null as number | null,
    held: 0,
    isForbidden: false,
    rejectedForMs: () => admission.rejectedMs,
    tryRepeat: () => {
      if (admission.held >= places) return null;
      admission.held += 1;
      return () => {
        admission.held -= 1;
      };
    },
  };
  return { admission, pace: new ListenPace(admission, () => 1) };
}

test('a replica whose stream ends is asked again after a growing pause, which a long life makes short again', (t) => {
  const { pace } = start();
  t.true(pace.mayAsk('1', true, 0));
  pace.opened('1', 0);
  pace.ended('1', 10);
  t.deepEqual([pace.mayAsk('1', true, 259), pace.mayAsk('1', true, 260)], [false, true]);
  pace.ended('1', 300);
  t.deepEqual([...pace.resting(799)], ['1']);
  t.true(pace.mayAsk('1', true, 800));
  pace.opened('1', 800);
  pace.ended('1', 40_000);
  t.deepEqual([pace.mayAsk('1', true, 40_249), pace.mayAsk('1', true, 40_250)], [false, true]);
});

test('only a repetition takes a place in the retry budget, until its answer begins or it ends', (t) => {
  const { pace, admission } = start();
  t.true(pace.mayAsk('1', true, 0));
  t.true(pace.mayAsk('2', true, 0));
  t.is(admission.held, 0);
  pace.ended('1', 0);
  pace.ended('2', 0);
  t.true(pace.mayAsk('1', true, 1000));
  t.false(pace.mayAsk('2', true, 1000), 'the place is taken');
  pace.opened('1', 1000);
  t.true(pace.mayAsk('2', true, 10_000));
  pace.close();
  t.is(admission.held, 0);
  t.is(pace.attempts, 4);
});

test('another replica in place of the first one is a repetition, and one whose breaker is open is not asked', (t) => {
  const { pace, admission } = start(0);
  admission.rejectedMs = 500;
  t.false(pace.mayAsk('1', true, 0));
  admission.rejectedMs = null;
  t.deepEqual([pace.mayAsk('1', true, 499), pace.mayAsk('1', true, 500)], [false, true]);
  t.false(pace.mayAsk('2', false, 500));
});
