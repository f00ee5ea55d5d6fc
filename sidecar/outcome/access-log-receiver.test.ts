import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { accessLogReceiver } from './access-log-receiver.ts';
import { OutcomeBus } from './outcome-bus.ts';
import { logBatch, logEntry } from './testing/test-log-entry.ts';

const entry = (slot: string) =>
  logEntry({
    route: 'linear/steady',
    httpMethod: 'POST',
    status: '202',
    details: 'via_upstream',
    slot,
    upstreamPort: '1',
    bytesSent: '0',
  });

test('batches become outcomes; when they pile up the calls wait, and nothing is lost', async (t) => {
  const turns: (() => void)[] = [],
    seen: Outcome[] = [],
    counts: Record<string, number> = {},
    answers: string[] = [];
  const bus = new OutcomeBus({ maxQueued: 40, maxPerTurn: 10, schedule: (drain) => turns.push(drain) });
  bus.subscribe('test', (outcome) => {
    seen.push(outcome);
  });
  const receive = accessLogReceiver({
    bus,
    backendOf: () => 'stable',
    onEntries: (result, count) => {
      counts[result] = (counts[result] ?? 0) + count;
    },
  });
  const batches = Array.from({ length: 15 }, (_, i) =>
    logBatch(Array.from({ length: 10 }, (_, j) => entry(String(i * 10 + j)))),
  );
  batches.push(logBatch([{ startedAtMs: 1, text: '' }, logEntry({ route: 'health' })]));
  for (const batch of batches) void receive(batch).then((answer) => answers.push(answer));
  // A further one is too many: Envoy is told, and counts it.
  t.is(await receive(batches[0]!), 'full');
  await new Promise(setImmediate);
  t.true(answers.length < 16, 'the first fill the bus, the others wait');
  while (answers.length < 16) {
    t.true(bus.queued <= 40);
    turns.shift()?.();
    await new Promise(setImmediate);
  }
  bus.flush();
  t.deepEqual(
    seen.map((outcome) => outcome.slot),
    Array.from({ length: 150 }, (_, i) => String(i)),
  );
  t.deepEqual(counts, { outcome: 150, malformed: 1, foreign: 1 });
  t.is(await receive(logBatch([])), 'taken');
});

test('of a large batch only a part is there at once, and other work gets its turn between', async (t) => {
  const bus = new OutcomeBus();
  let most = 0,
    turns = 0,
    seen = 0,
    isTaken = false;
  bus.subscribe('test', () => {
    seen += 1;
    most = Math.max(most, bus.queued);
  });
  const others = (): void => {
    turns += 1;
    if (!isTaken) setImmediate(others);
  };
  setImmediate(others);
  t.is(
    await accessLogReceiver({ bus, backendOf: () => null })(logBatch(Array.from({ length: 1050 }, () => entry('1')))),
    'taken',
  );
  isTaken = true;
  bus.flush();
  t.is(seen, 1050);
  t.true(most <= 200 && turns >= 5, `${most} at once, ${turns} turns`);
});

test('a batch that can not be decoded is refused, and the next one is taken', async (t) => {
  const receive = accessLogReceiver({ bus: new OutcomeBus(), backendOf: () => null });
  t.is(await receive(logBatch([entry('1')]).subarray(0, 20)), 'malformed');
  t.is(await receive(logBatch([entry('1')])), 'taken');
});
