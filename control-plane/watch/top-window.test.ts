import test from 'ava';
import { bucketOf } from '../../proto/watch/latency-buckets.ts';
import type { Tally } from '../../proto/watch/watch-messages.ts';
import { TopWindow, type TopGroup } from './top-window.ts';

const tally = (name: string, slot: string, success: number, tool_error = 0): Tally => ({
  ...{ server: 'linear', name, slot },
  outcomes: { success, ...(tool_error > 0 && { tool_error }) },
  buckets: [[bucketOf(10), success + tool_error]],
});

const rowsBy = (by: TopGroup) => {
  const window = new TopWindow(by, 0);
  window.add([tally('search', '1', 30, 10), tally('pay', '2', 10)], 5000);
  window.add([tally('search', '2', 10)], 9000);
  return window;
};

test('rows are servers, tools or replicas, busiest first, over all gateways', (t) => {
  const shown = (by: TopGroup) =>
    rowsBy(by)
      .rows(10_000)
      .map(({ name, slot, perSecond, errors }) => [name ?? slot, perSecond, errors]);
  t.deepEqual(shown('server'), [[undefined, 6, 0.1667]]);
  t.deepEqual(shown('tool'), [
    ['search', 5, 0.2],
    ['pay', 1, 0],
  ]);
  t.deepEqual(shown('replica'), [
    ['1', 4, 0.25],
    ['2', 2, 0],
  ]);
});

test('what is older than 10 s is forgotten, and a new viewer’s rate is over the time since it came', (t) => {
  const window = rowsBy('tool');
  t.deepEqual(
    window.rows(16_000).map(({ name, perSecond }) => [name, perSecond]),
    [['search', 1]],
  );
  t.deepEqual(window.rows(30_000), []);
  const young = new TopWindow('server', 0);
  young.add([tally('search', '1', 10)], 1000);
  t.is(young.rows(2000)[0]?.perSecond, 5);
});

test('durations are those of all calls in the row', (t) => {
  const [row] = rowsBy('server').rows(10_000);
  t.true((row?.p50Ms ?? 0) >= 10 && (row?.p99Ms ?? 0) < 11.1);
});

test('reports without end, of rows and outcomes that nobody knows, take bounded room', (t) => {
  const window = new TopWindow('tool', 0);
  for (let report = 0; report < 200; report++)
    window.add(
      Array.from({ length: 1000 }, (_, row) => ({
        ...tally(`made-up-${report}-${row}`, '1', 1),
        outcomes: { [`kind-${report}`]: 1 },
      })),
      5000,
    );
  window.add([tally('search', '1', 7)], 6000);
  const rows = window.rows(6000);
  t.true(rows.length <= 5001);
  t.is(
    rows.reduce((sum, { outcomes }) => sum + Object.values(outcomes).reduce((all, count) => all + count, 0), 0),
    200_007,
  );
  t.true(rows.every(({ outcomes }) => Object.keys(outcomes).length < 40));
});
