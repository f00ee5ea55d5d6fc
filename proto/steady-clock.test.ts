import test from 'ava';
import { steadyClock, steadyNow } from './steady-clock.ts';

const clock = () => {
  const time = { wallMs: 1_000_000, upMs: 500.25 };
  const now = steadyClock(
    () => time.wallMs,
    () => time.upMs,
  );
  const pass = (ms: number): number => {
    time.wallMs += ms;
    time.upMs += ms;
    return now();
  };
  return { time, now, pass };
};

test('says what the clock of the machine says, as long as nobody sets that', (t) => {
  const { time, pass } = clock();
  for (const ms of [0, 1, 3, 0, 250, 86_400_000]) t.is(pass(ms), time.wallMs);
});

test('a clock that was set back is met again: until then time goes a tenth slower, and never back', (t) => {
  const { time, now, pass } = clock();
  const before = pass(1000);
  time.wallMs -= 3_600_000;
  t.is(now(), before);
  t.is(pass(60_000), before + 54_000, 'a deadline of a minute is over after 67 seconds');
  t.is(pass(10 * 3_600_000), time.wallMs);
  t.is(pass(5), time.wallMs);
});

test('a clock that was set forward is followed at once', (t) => {
  const { time, now, pass } = clock();
  time.wallMs += 3_600_000;
  t.is(now(), time.wallMs);
  t.is(pass(7), time.wallMs);
});

test('that of the process is near the clock of the machine', (t) => {
  const before = Date.now();
  const now = steadyNow();
  t.true(now >= before && now <= Date.now());
});
