import test from 'ava';
import type { Call } from './call-log.ts';
import { executedAtMostOnce, provesSomething, recoveryTime, safeCallErrors, unsafeCallsAreTyped } from './verdict.ts';

const call = (over: Partial<Call>): Call => ({
  session: 0,
  kind: 'safe',
  tool: 'whoami',
  key: null,
  startedAtMs: 1000,
  endedAtMs: 1010,
  result: { kind: 'answered' },
  ...over,
});
const notSent: Call['result'] = { kind: 'typed-error', outcome: 'not_sent', code: -31001 };
const unclear: Call['result'] = { kind: 'typed-error', outcome: 'sent_no_response', code: -31001 };
const isMet = (list: { name: string; met: boolean }[], name: string): boolean =>
  list.find((objective) => objective.name.includes(name))!.met;

test('a safe call may not even fail with a typed error', (t) => {
  t.true(safeCallErrors([call({})]).met);
  t.false(safeCallErrors([call({ result: notSent })]).met);
});

test('an unsafe call may fail with a typed error within a second of the kill, nothing else', (t) => {
  const kill = [{ atMs: 900, what: 'kill' }];
  const after = (endedAtMs: number, result: Call['result']) =>
    unsafeCallsAreTyped([call({ kind: 'unsafe', startedAtMs: 800, endedAtMs, result })], kill);
  t.true(after(1500, unclear).every((objective) => objective.met));
  t.false(isMet(after(2500, unclear), 'slowest'));
  t.false(isMet(after(1500, { kind: 'hang' }), 'hung'));
  t.false(isMet(after(1500, { kind: 'error', message: 'x' }), 'without saying'));
  t.false(
    isMet(unsafeCallsAreTyped([call({ kind: 'unsafe', result: unclear })], []), 'slowest'),
    'an error that no kill explains',
  );
});

test('executions by key must agree with what the client was told', (t) => {
  const keyed = (key: string, result: Call['result']) => call({ kind: 'unsafe', key, result });
  t.true(
    executedAtMostOnce(
      [keyed('a', { kind: 'answered' }), keyed('b', unclear), keyed('c', notSent)],
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
    ).every((o) => o.met),
  );
  t.false(isMet(executedAtMostOnce([keyed('a', { kind: 'answered' })], new Map([['a', 2]])), 'twice'));
  t.false(isMet(executedAtMostOnce([keyed('a', { kind: 'answered' })], new Map()), 'answered but not'));
  t.false(isMet(executedAtMostOnce([keyed('a', notSent)], new Map([['a', 1]])), 'not_sent'));
});

test('recovery time looks at quick calls right after a disturbance, and is not met when there were none', (t) => {
  const kill = [{ atMs: 1000, what: 'kill' }];
  t.true(recoveryTime([call({ endedAtMs: 1500 })], kill, 1000).met);
  t.false(recoveryTime([call({ endedAtMs: 2500 })], kill, 1000).met);
  t.false(recoveryTime([call({ startedAtMs: 9000 })], kill, 1000).met);
});

test('a run without calls or disturbances does not pass', (t) => {
  t.false(provesSomething([], [], { calls: 1, disturbances: 1 }).some((objective) => objective.met));
});
