import test from 'ava';
import { ReportLimit } from './report-limit.ts';

test('a burst of reports is the first one at once and the rest as one with a count', async (t) => {
  let now = 0;
  const sent: number[] = [];
  let done = () => {};
  const running = setInterval(() => undefined, 1000),
    second = new Promise<void>((resolve) => {
      done = resolve;
    });
  const limit = new ReportLimit(
    ({ count }) => {
      sent.push(count);
      if (sent.length === 2) done();
    },
    () => now,
  );
  for (let i = 0; i < 5000; i++) limit.report({ server: 's', slot: '1', kind: 'unreachable' });
  t.deepEqual(sent, [1]);
  now = 1000;
  await second;
  clearInterval(running); // the limit's own timer keeps no process alive
  t.deepEqual(sent, [1, 4999]);
  limit.close();
});
