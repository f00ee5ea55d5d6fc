import test from 'ava';
import { floors, trendOf, type Point } from './trend.ts';

const MINUTE_MS = 60_000;
const points = (value: (minute: number) => number, minutes = 60): Point[] =>
  Array.from({ length: minutes }, (_, minute) => ({ atMs: minute * MINUTE_MS, value: value(minute) }));

test('a process that grows by a tenth in an hour has that slope, one that does not has none', (t) => {
  const grows = trendOf(points((minute) => 100 + minute / 6));
  t.true(grows !== null && Math.abs(grows.percentPerHour - 9.5) < 0.1 && grows.error < 0.01);
  t.is(trendOf(points(() => 100))?.percentPerHour, 0);
  t.is(trendOf(points(() => 0))?.percentPerHour, 0);
});

test('a heap that fills and is collected shows its floor, and noise shows how much it could hide', (t) => {
  const saw = points((minute) => 100 + (minute % 3) * 50);
  t.deepEqual(new Set(floors(saw).map(({ value }) => value)), new Set([100]));
  const noisy = trendOf(points((minute) => 100 + (minute % 2) * 10));
  t.true(noisy !== null && noisy.error > Math.abs(noisy.percentPerHour));
});

test('too few points show no trend', (t) => {
  t.is(trendOf(points(() => 1, 3)), null);
  t.deepEqual(floors([]), []);
});
