import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { OutcomeBus } from './outcome-bus.ts';

const outcome = (server: string): Outcome =>
  sampleOutcome({ server, method: 'ping', tool: null, source: 'envoy', mode: 'steady' });

test('every sink gets every outcome, in order and not before the current work is done', (t) => {
  const turns: (() => void)[] = [];
  const bus = new OutcomeBus({ schedule: (drain) => turns.push(drain) });
  const seen: string[] = [];
  bus.subscribe('a', ({ server }) => seen.push(`a ${server}`));
  bus.subscribe('b', ({ server }) => seen.push(`b ${server}`));
  bus.publish(outcome('1'));
  bus.publish(outcome('2'));
  t.deepEqual(seen, []);
  t.is(turns.length, 1);
  turns[0]!();
  t.deepEqual(seen, ['a 1', 'b 1', 'a 2', 'b 2']);
});

test('a full queue drops the newest and counts them', (t) => {
  const dropped: string[] = [];
  const bus = new OutcomeBus({
    maxQueued: 2,
    schedule: () => {},
    onDropped: (sink, count) => dropped.push(`${sink} ${count}`),
  });
  t.deepEqual([bus.publish(outcome('1')), bus.publish(outcome('2')), bus.publish(outcome('3'))], [true, true, false]);
  t.deepEqual(dropped, ['bus 1']);
  bus.flush();
  t.true(bus.publish(outcome('4')));
});

test('a sink that throws loses its outcome and no other sink does', (t) => {
  const dropped: string[] = [];
  const bus = new OutcomeBus({ onDropped: (sink) => dropped.push(sink) });
  let seen = 0;
  bus.subscribe('broken', () => {
    throw new Error('broken');
  });
  bus.subscribe('whole', () => {
    seen++;
  });
  bus.publish(outcome('1'));
  bus.flush();
  t.is(seen, 1);
  t.deepEqual(dropped, ['broken']);
});

test('a burst is handed out over several turns, so that requests come in between', (t) => {
  const turns: (() => void)[] = [];
  const bus = new OutcomeBus({ maxPerTurn: 2, schedule: (drain) => turns.push(drain) });
  let seen = 0;
  bus.subscribe('count', () => {
    seen++;
  });
  for (let i = 0; i < 5; i++) bus.publish(outcome(String(i)));
  const progress: number[] = [];
  while (turns.length) {
    turns.shift()!();
    progress.push(seen);
  }
  t.deepEqual(progress, [2, 4, 5]);
});
