import test from 'ava';
import fc from 'fast-check';
import { replaySafety, type ReplayQuestion } from './replay-safety.ts';

const question = (change: Partial<ReplayQuestion>): ReplayQuestion => ({
  method: 'tools/call',
  tool: 'write',
  annotations: undefined,
  trustAnnotations: false,
  retrySafeTools: [],
  delivery: 'sent_no_response',
  ...change,
});

test('what provably was not delivered may be sent again, whatever it is', (t) => {
  t.deepEqual(replaySafety(question({ delivery: 'not_sent' })), { isSafe: true, because: 'not-delivered' });
});

test('reads may be sent again even after part of the answer came', (t) => {
  for (const method of [
    'tools/list',
    'resources/read',
    'prompts/get',
    'completion/complete',
    'ping',
    'server/discover',
    'tasks/get',
  ])
    t.true(replaySafety(question({ method, tool: null, delivery: 'partial_response' })).isSafe, method);
});

test('a tool call may be sent again when the operator listed the tool', (t) => {
  t.is(replaySafety(question({ retrySafeTools: ['write'] })).because, 'listed');
  t.false(replaySafety(question({ retrySafeTools: ['other'] })).isSafe);
});

test('annotations count only where the operator trusts them', (t) => {
  for (const annotations of [
    { isReadOnly: true, isIdempotent: false },
    { isReadOnly: false, isIdempotent: true },
  ]) {
    t.false(replaySafety(question({ annotations })).isSafe);
    t.is(replaySafety(question({ annotations, trustAnnotations: true })).because, 'annotated');
  }
  t.false(
    replaySafety(question({ annotations: { isReadOnly: false, isIdempotent: false }, trustAnnotations: true })).isSafe,
  );
});

test('a method that nobody knows, and a response, are not safe once they may have been delivered', (t) => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom('sent_no_response' as const, 'partial_response' as const),
      (name, delivery) => {
        t.false(replaySafety(question({ method: `x/${name}`, tool: null, delivery })).isSafe);
      },
    ),
  );
  t.false(replaySafety(question({ method: null, tool: null })).isSafe);
});
