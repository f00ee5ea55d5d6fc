import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import {
  MAX_CALLS_AT_A_TIME,
  MAX_TALLIES,
  MAX_WATCHES,
  readWatch,
  readWatchReport,
  WATCH_LEASE_MS,
} from '../../proto/watch/watch-messages.ts';
import { CallWatches } from './call-watches.ts';

const call = (changes: Partial<Outcome> = {}): Outcome =>
  sampleOutcome({
    tool: 'search',
    durationMs: 12,
    startedAtMs: 1000,
    session: '1~secret',
    client: '10.0.0.1',
    principal: 'ann',
    ...changes,
  });

function watches() {
  const clock = { now: 0 };
  return { clock, of: new CallWatches(() => clock.now) };
}

test('while nobody watches nothing is kept', (t) => {
  const { of } = watches();
  of.note(call());
  t.false(of.isWatched);
  t.is(of.takeCalls('g'), null);
  t.is(of.takeTallies('g'), null);
});

test('a call that somebody watches is told once, without its session id, its principal or its client', (t) => {
  const { of } = watches();
  of.hear({ id: 'a', wants: 'calls', filter: {} });
  of.note(call());
  const report = of.takeCalls('gateway-1');
  t.like(report, { node: 'gateway-1', dropped: 0 });
  t.deepEqual(report?.calls, [
    {
      ...{ atMs: 1000, server: 'linear', method: 'tools/call', tool: 'search', slot: '1', outcome: 'success' },
      ...{ status: 200, errorCode: null, durationMs: 12, session: report?.calls[0]?.session, traceId: null },
    },
  ]);
  for (const hidden of ['secret', 'ann', '10.0.0.1']) t.false(JSON.stringify(report).includes(hidden), hidden);
  t.is(of.takeCalls('gateway-1'), null);
  t.deepEqual(readWatchReport(JSON.stringify(report)), report ?? undefined);
});

test('only what a filter asks for is told', (t) => {
  const filters = [{ server: 'other' }, { tool: 'pay' }, { slots: ['2'] }, { outcome: 'tool_error' as const }];
  for (const filter of filters) {
    const { of } = watches();
    of.hear({ id: 'a', wants: 'calls', filter });
    of.note(call());
    t.is(of.takeCalls('g'), null, JSON.stringify(filter));
    of.note(call({ server: 'other', tool: 'pay', slot: '2', kind: 'tool_error' }));
    t.is(of.takeCalls('g')?.calls.length, 1, JSON.stringify(filter));
  }
});

test('more calls than fit are counted, and the viewer hears how many', (t) => {
  const { of } = watches();
  of.hear({ id: 'a', wants: 'calls', filter: {} });
  for (let i = 0; i < MAX_CALLS_AT_A_TIME + 7; i++) of.note(call());
  const report = of.takeCalls('g');
  t.is(report?.calls.length, MAX_CALLS_AT_A_TIME);
  t.is(report?.dropped, 7);
});

test('a watch ends when nobody asks again, and no more than a few are heard', (t) => {
  const { clock, of } = watches();
  for (let i = 0; i < MAX_WATCHES + 3; i++) of.hear({ id: String(i), wants: 'calls', filter: { server: String(i) } });
  of.note(call({ server: String(MAX_WATCHES) }));
  t.is(of.takeCalls('g'), null, 'beyond the limit nothing is heard');
  clock.now = WATCH_LEASE_MS + 1;
  of.takeCalls('g');
  t.false(of.isWatched);
});

test('tables have a row for each server, tool and replica, and a bounded number of them', (t) => {
  const { of } = watches();
  of.hear({ id: 'a', wants: 'tallies', filter: {} });
  of.note(call());
  of.note(call({ kind: 'tool_error' }));
  of.note(call({ tool: null, method: 'ping' }));
  const report = of.takeTallies('g');
  t.deepEqual(
    report?.tallies.map(({ name, outcomes }) => [name, outcomes]),
    [
      ['search', { success: 1, tool_error: 1 }],
      ['ping', { success: 1 }],
    ],
  );
  t.deepEqual(of.takeTallies('g')?.tallies, []);
  for (let i = 0; i < MAX_TALLIES + 50; i++) of.note(call({ tool: `made-up-${i}` }));
  const many = of.takeTallies('g');
  t.is(many?.tallies.length, MAX_TALLIES + 1);
  t.deepEqual(many?.tallies.at(-1)?.outcomes, { success: 50 });
  t.truthy(readWatchReport(JSON.stringify(many)));
});

test('what is no message of this kind is none', (t) => {
  for (const text of ['', '{', '[]', '{"id":1}', '{"id":"a","wants":"all","filter":{}}', '{"id":"a","wants":"calls"}'])
    t.is(readWatch(text), undefined, text);
  for (const text of [
    '',
    '[]',
    '{"node":1}',
    '{"node":"g","calls":[{}]}',
    '{"node":"g","dropped":-1}',
    '{"node":"g","dropped":1e308}',
  ])
    t.is(readWatchReport(text), undefined, text);
  const { of } = watches();
  of.hear({ id: 'a', wants: 'calls', filter: {} });
  of.note(call({ startedAtMs: 1e300 }));
  t.is(readWatchReport(JSON.stringify(of.takeCalls('g'))), undefined, 'a time that is none');
});
