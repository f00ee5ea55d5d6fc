import test from 'ava';
import fc from 'fast-check';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { Breakers, type BreakerListener } from './breakers.ts';

const LISTED = ['echo', 'read', 'write', 'list'];
const level = { threshold: 5, timeoutMs: 1000, maxTimeoutMs: 8000, halfOpenPermits: 1 };
const rate = { ...level, form: 'rate', window: 'count', windowSize: 20, minimumCalls: 5, slowCallMs: 100 };

function breakers(fields: object = {}, listener: BreakerListener = {}): Breakers {
  const all = new Breakers({ listener, isListed: (_server, tool) => LISTED.includes(tool) });
  all.configure(serverPolicySchema.parse({ name: 'linear', replicaBreaker: level, toolBreaker: level, ...fields }));
  return all;
}
const outcome = (kind: OutcomeKind, fields: Partial<Outcome> = {}): Outcome =>
  sampleOutcome({ kind, session: 's1', client: '10.0.0.1', ...fields });
const isOpen = (all: Breakers, nowMs = 0): boolean =>
  [...all.table.all()].some(({ gate }) => gate.state.kind === 'open' && gate.peek(nowMs) === 'rejects');

const anyKind = fc.constantFrom<OutcomeKind>(
  'server_error',
  'replica_fault',
  'tool_error',
  'protocol_error',
  'success',
);
const anyCall = fc.record({
  kind: anyKind,
  session: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')),
  tool: fc.option(fc.constantFrom(...LISTED, 'invented')),
  method: fc.constantFrom('tools/call', 'resources/read', 'prompts/get', 'made/up'),
  durationMs: fc.constantFrom(1, 1000),
  source: fc.constantFrom<Outcome['source']>('relay', 'envoy'),
  isTimeout: fc.boolean(),
  afterMs: fc.integer({ min: 0, max: 30_000 }),
});

test('one address never opens a breaker, whatever it sends, in however many sessions, on whatever path', (t) => {
  for (const form of [level, rate])
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 200 }), fc.boolean(), (calls, countToolErrors) => {
        const all = breakers({ toolBreaker: form, replicaBreaker: form, countToolErrors });
        let nowMs = 0;
        for (const { afterMs, ...fields } of calls) {
          nowMs += afterMs;
          all.observe(outcome(fields.kind, { ...fields, startedAtMs: nowMs }), nowMs);
          if (fields.kind === 'replica_fault')
            all.attemptFailed(
              {
                server: 'linear',
                slot: '1',
                permit: null,
                startedAtMs: nowMs,
                session: fields.session,
                client: '10.0.0.1',
              },
              nowMs,
            );
          if (isOpen(all, nowMs)) return false;
        }
        return true;
      }),
    );
  t.pass();
});

test('nor do clients whose address nobody knows: they count as one', (t) => {
  const all = breakers();
  for (let i = 0; i < 100; i++)
    for (const client of [null, undefined])
      all.observe(outcome('replica_fault', { session: `s${i}`, ...(client === null && { client }) }), 0);
  t.false(isOpen(all));
});

test('faults that several clients see open it, each session heard once in a while', (t) => {
  const all = breakers();
  const fault = (n: number, nowMs: number): void =>
    all.observe(outcome('replica_fault', { session: `s${n}`, client: `10.0.0.${n}`, startedAtMs: nowMs }), nowMs);
  for (let i = 0; i < 50; i++) for (const n of [1, 2, 3, 4]) fault(n, 0);
  t.false(isOpen(all), 'four verdicts, not two hundred');
  fault(5, 0);
  t.true(isOpen(all));
});

test('three clients with one session each are enough when their calls go on failing', (t) => {
  const all = breakers();
  for (const nowMs of [0, 11_000])
    for (const n of [1, 2, 3])
      all.observe(
        outcome('server_error', { session: `s${n}`, client: `10.0.0.${n}`, slot: null, startedAtMs: nowMs }),
        nowMs,
      );
  t.true(isOpen(all, 11_000));
});

test('one success in between shows that it works', (t) => {
  const all = breakers();
  for (let n = 1; n <= 50; n++) {
    all.observe(outcome('replica_fault', { session: `s${n}`, client: `10.0.0.${n}` }), 0);
    if (n % 4 === 0) all.observe(outcome('success', { session: 'good', client: '10.1.0.1' }), 0);
  }
  t.false(isOpen(all));
});

test('server errors of invented names and methods blame nobody, however many clients send them', (t) => {
  const all = breakers();
  for (let n = 0; n < 100; n++)
    all.observe(outcome('server_error', { tool: `invented-${n % 7}`, session: `s${n}`, client: `10.0.0.${n}` }), 0);
  for (let n = 0; n < 100; n++)
    all.observe(
      outcome('server_error', { tool: null, method: `made/up-${n % 7}`, session: `s${n}`, client: `10.0.0.${n}` }),
      0,
    );
  t.false(isOpen(all));
});

test('server errors of several listed tools that many see are the replica’s fault', (t) => {
  const all = breakers({ toolBreaker: { ...level, threshold: 1000 } });
  for (let n = 0; n < 12; n++)
    all.observe(outcome('server_error', { tool: LISTED[n % 4] ?? '', session: `s${n}`, client: `10.0.0.${n}` }), 0);
  t.is(all.peek('linear', '1', 0), 'rejects');
});

test('an operator may say that the sessions of one address are enough, but never a single one at once', (t) => {
  const all = breakers({ replicaBreaker: { ...level, minClients: 1 } });
  for (let i = 0; i < 100; i++) all.observe(outcome('replica_fault'), 0);
  t.false(isOpen(all));
  for (const session of ['s2', 's3', 's4', 's5']) all.observe(outcome('replica_fault', { session }), 0);
  t.true(isOpen(all));
});

test('many timeouts open nothing: whether the replica is dead is for its own ping to say', (t) => {
  const doubted: string[] = [];
  const all = breakers({}, { onDoubt: (_server, slot) => doubted.push(slot) });
  for (let n = 0; n < 100; n++)
    all.observe(outcome('replica_fault', { isTimeout: true, session: `s${n}`, client: `10.0.0.${n}` }), 0);
  t.false(isOpen(all));
  t.true(doubted.length > 0);
});

test('a dead replica with one session is doubted after as many faults as open a breaker, and found dead by the gateway’s own check', (t) => {
  const doubted: string[] = [];
  const all = breakers({}, { onDoubt: (_server, slot) => doubted.push(slot) });
  for (let i = 0; i < 4; i++) all.observe(outcome('replica_fault'), 0);
  t.deepEqual(doubted, []);
  all.observe(outcome('replica_fault'), 0);
  t.deepEqual(doubted, ['1']);
  all.foundDead('linear', '1', 0);
  t.is(all.peek('linear', '1', 0), 'rejects');
  t.like(all.table.find('linear', 'replica', '1')?.gate.state, { kind: 'open', openings: 1 });
});

test('while half open, one client’s failing trial proves nothing; that of a second one, or the gateway’s own check, does', (t) => {
  const half = (listener: BreakerListener = {}) => {
    const all = breakers({}, listener);
    all.foundDead('linear', '1', 0);
    return all;
  };
  const trial = (all: Breakers, n: number, nowMs: number): void => {
    const answer = all.gate('linear', '1', null, nowMs);
    if (answer.kind !== 'admit' || answer.permit === null) throw new Error('no trial');
    all.observe(
      outcome('replica_fault', {
        session: `s${n}`,
        client: `10.0.0.${n}`,
        permit: answer.permit,
        startedAtMs: nowMs,
        tool: null,
      }),
      nowMs,
    );
  };
  const doubted: string[] = [];
  const all = half({ onDoubt: (_server, slot) => doubted.push(slot) });
  for (let i = 0; i < 5; i++) trial(all, 1, 1000 + i);
  t.is(all.peek('linear', '1', 1010), 'trial');
  t.deepEqual(new Set(doubted), new Set(['1']));
  trial(all, 2, 1010);
  t.like(all.table.find('linear', 'replica', '1')?.gate.state, { kind: 'open', openings: 2 });
  const found = half();
  trial(found, 1, 1000);
  found.foundDead('linear', '1', 1001);
  t.like(found.table.find('linear', 'replica', '1')?.gate.state, { kind: 'open', openings: 2 });
});

test('a slow call that waited for its own client is not slow', (t) => {
  const all = breakers({ toolBreaker: rate, replicaBreaker: rate });
  for (let n = 0; n < 50; n++)
    all.observe(
      outcome('success', { session: `s${n}`, client: `10.0.0.${n}`, durationMs: 60_000, hasWaitedForClient: true }),
      0,
    );
  t.false(isOpen(all));
  for (let n = 0; n < 50; n++)
    all.observe(outcome('success', { session: `t${n}`, client: `10.0.0.${n}`, durationMs: 60_000 }), 0);
  t.true(isOpen(all));
});
