import test from 'ava';
import fc from 'fast-check';
import { CountWindow } from './count-window.ts';
import { MAX_BUCKETS, TimeWindow } from './time-window.ts';

const results = fc.array(fc.record({ isFailure: fc.boolean(), isSlow: fc.boolean(), waitMs: fc.nat(5000) }), {
  maxLength: 200,
  size: 'max',
});

test('a window by count holds exactly the last calls', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), results, (size, calls) => {
      const window = new CountWindow(size);
      for (const { isFailure, isSlow } of calls) window.record(isFailure, isSlow);
      const last = calls.slice(-size);
      t.deepEqual(
        [window.calls, window.failures, window.slow],
        [last.length, last.filter((call) => call.isFailure).length, last.filter((call) => call.isSlow).length],
      );
    }),
  );
});

test('a window by time holds exactly the calls of its buckets', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), results, (seconds, calls) => {
      const window = new TimeWindow(seconds);
      const buckets = Math.min(seconds, MAX_BUCKETS);
      const bucketMs = (seconds * 1000) / buckets;
      let nowMs = 1_700_000_000_000;
      const timed = calls.map((call) => {
        nowMs += call.waitMs;
        return { ...call, atMs: nowMs };
      });
      for (const call of timed) window.record(call.isFailure, call.isSlow, call.atMs);
      const head = Math.floor(nowMs / bucketMs);
      const inside = timed.filter((call) => Math.floor(call.atMs / bucketMs) > head - buckets);
      t.deepEqual(
        [window.calls, window.failures, window.slow],
        [inside.length, inside.filter((call) => call.isFailure).length, inside.filter((call) => call.isSlow).length],
      );
    }),
  );
});

test('a clock that goes back loses nothing', (t) => {
  const window = new TimeWindow(10);
  window.record(true, false, 20_000);
  window.record(true, false, 15_000);
  t.is(window.calls, 2);
});
