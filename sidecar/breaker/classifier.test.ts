import test from 'ava';
import type { OutcomeKind } from '../../proto/outcome.ts';
import { classify, isSlow, type Blame } from './classifier.ts';
import type { Verdict } from './verdict.ts';

const plain: Blame = { countToolErrors: false, isServerErrorWidespread: false };
interface Row {
  kind: OutcomeKind;
  replica: Verdict;
  tool: Verdict;
  blame?: Partial<Blame>;
  description: string;
}

/** One row of the blame table each, with both sides of its conditions. */
const rows: Row[] = [
  { kind: 'success', replica: 'success', tool: 'success', description: 'success speaks for both' },
  {
    kind: 'replica_fault',
    replica: 'failure',
    tool: 'ignore',
    description: 'a replica fault counts against the replica alone',
  },
  {
    kind: 'server_error',
    replica: 'ignore',
    tool: 'failure',
    description: 'a server error counts against the tool first',
  },
  {
    kind: 'server_error',
    replica: 'failure',
    tool: 'failure',
    blame: { isServerErrorWidespread: true },
    description: 'server errors of several tools count against the replica too',
  },
  { kind: 'tool_error', replica: 'success', tool: 'success', description: 'isError counts against nobody' },
  {
    kind: 'tool_error',
    replica: 'success',
    tool: 'failure',
    blame: { countToolErrors: true },
    description: 'isError counts against the tool if the operator asks',
  },
  {
    kind: 'protocol_error',
    replica: 'success',
    tool: 'success',
    description: 'an error of the server’s own making counts against nobody',
  },
  {
    kind: 'protocol_error',
    replica: 'success',
    tool: 'failure',
    blame: { countToolErrors: true },
    description: 'an error of the server’s own making counts against the tool if the operator asks',
  },
  { kind: 'overload', replica: 'ignore', tool: 'ignore', description: 'overload counts against nobody' },
  { kind: 'lost_session', replica: 'ignore', tool: 'ignore', description: 'a lost session counts against nobody' },
  { kind: 'client_fault', replica: 'ignore', tool: 'ignore', description: 'a client fault counts against nobody' },
  {
    kind: 'cancelled',
    replica: 'ignore',
    tool: 'ignore',
    description: 'a client that went away counts against nobody',
  },
  { kind: 'unread', replica: 'ignore', tool: 'ignore', description: 'an answer that nobody read is not guessed' },
];

for (const { kind, replica, tool, blame, description } of rows) {
  test(description, (t) => {
    t.is(classify(kind, 'replica', { ...plain, ...blame }), replica);
    t.is(classify(kind, 'tool', { ...plain, ...blame }), tool);
  });
}

test('isError alone never counts against a replica, whatever the operator asks', (t) => {
  for (const countToolErrors of [true, false])
    for (const isServerErrorWidespread of [true, false]) {
      t.is(classify('tool_error', 'replica', { countToolErrors, isServerErrorWidespread }), 'success');
    }
});

test('a long stream is not a slow call', (t) => {
  t.true(isSlow({ method: 'tools/call', durationMs: 1001 }, 1000));
  t.false(isSlow({ method: 'tools/call', durationMs: 1000 }, 1000));
  t.false(isSlow({ method: 'GET', durationMs: 3_600_000 }, 1000));
});
