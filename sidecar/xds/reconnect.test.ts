import test from 'ava';
import { pauseMs } from './reconnect.ts';

test('every address is tried once without a pause, then each round waits longer, up to 5 s', (t) => {
  const pauses = Array.from({ length: 16 }, (_, failures) => pauseMs(failures, 2, () => 0));
  t.deepEqual(pauses, [0, 0, 100, 0, 200, 0, 400, 0, 800, 0, 1600, 0, 3200, 0, 5000, 0]);
});

test('chance takes off up to half, so that gateways do not come back in step', (t) => {
  t.is(pauseMs(1, 1, () => 0.999999) < 51, true);
  t.is(
    pauseMs(50, 1, () => 0),
    5000,
  );
});
