import test from 'ava';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { makeServerView } from '../xds/topology.ts';
import { answerKind } from './call/answer-kind.ts';
import { Deadline, deadlineMs } from './call/deadline.ts';
import { errorOfRefusal, meshErrors, outcomeOfError } from './client/mesh-errors.ts';
import { ReportLimit } from './housekeeping/report-limit.ts';
import { Resumptions } from './stream/resumptions.ts';
import { beginSession, bornRecord } from './call/new-session-record.ts';
import { SessionCalls } from './call/session-calls.ts';
import { ToolKnowledge } from './call/tool-knowledge.ts';

test('answers come to what DESIGN.md’s table says', (t) => {
  const kind = (status: number, errorCode: number | null = null, isToolError = false, hasRetryAfter = false) =>
    answerKind({ status, errorCode, isToolError, hasRetryAfter });
  t.deepEqual([kind(200), kind(202), kind(200, null, true)], ['success', 'success', 'tool_error']);
  t.deepEqual([kind(502), kind(503), kind(504)], ['replica_fault', 'replica_fault', 'replica_fault']);
  t.deepEqual([kind(429), kind(503, null, false, true)], ['overload', 'overload']);
  t.deepEqual([kind(500), kind(200, -32603)], ['server_error', 'server_error']);
  for (const code of [-32700, -32600, -32601, -32602, -32020, -32029, -32042, -32002])
    t.is(kind(200, code), 'client_fault', String(code));
  for (const status of [400, 401, 403, 405, 406, 409, 413, 415]) t.is(kind(status), 'client_fault', String(status));
  t.is(kind(200, 7), 'protocol_error');
});

test('tools are believed as they were last listed, page by page, until the list changed', (t) => {
  const learned: string[][] = [],
    tools = new ToolKnowledge((_server, names) => learned.push(names));
  tools.learn('s', { tools: [{ name: 'a', annotations: { readOnlyHint: true } }, { name: 'b' }, null, { name: 5 }] });
  tools.learn('s', { tools: [{ name: 'c', annotations: { idempotentHint: true, readOnlyHint: 'yes' } }] });
  t.deepEqual(
    [tools.of('s', 'a'), tools.of('s', 'b'), tools.of('s', 'c')],
    [
      { isReadOnly: true, isIdempotent: false },
      { isReadOnly: false, isIdempotent: false },
      { isReadOnly: false, isIdempotent: true },
    ],
  );
  t.deepEqual(learned.at(-1), ['a', 'b', 'c']);
  t.is(tools.of('other', 'a'), undefined);
  tools.learn('s', { tools: 'none' });
  tools.forget('s');
  t.false(tools.knows('s'));
});

test('what is known of a server’s tools is forgotten when one of its replicas begins a new life, not when one ends', (t) => {
  const tools = new ToolKnowledge(),
    policy = serverPolicySchema.parse({ name: 's' });
  const view = (...slots: string[]) =>
    makeServerView(
      { policy, lostSlots: [], backends: [] },
      slots.map((slot) => ({
        server: 's',
        replica: slot,
        backend: 'stable',
        slot,
        address: `${slot}:1`,
        state: 'active' as const,
        isSteady: true,
        weight: 1,
      })),
    );
  tools.see(view('1', '2'));
  tools.learn('s', { tools: [{ name: 'a' }] });
  tools.see(view('2'));
  t.true(tools.knows('s'));
  tools.see(view('2', '3'));
  t.false(tools.knows('s'));
});

test('calls that wait to be resumed are lost with their life, once', (t) => {
  const waiting = new Resumptions();
  waiting.remember('d', 'e1', '1/a', [7, 'x']);
  t.deepEqual(waiting.takeLost('d', 'e1', '1/a'), []);
  t.deepEqual(waiting.takeLost('d', 'e2', '2/b'), []);
  t.deepEqual(waiting.takeLost('d', 'e1', '2/b'), [7, 'x']);
  t.deepEqual(waiting.takeLost('d', 'e1', '2/b'), []);
});

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

test('progress moves a deadline on; silence ends it', async (t) => {
  let now = 0;
  const expired = await new Promise<number>((resolve) => {
    const deadline = new Deadline(
      20,
      () => now,
      () => resolve(now),
    );
    deadline.start();
    now = 15;
    deadline.progress();
    const clock = setInterval(() => {
      now += 5;
      if (now > 60) clearInterval(clock);
    }, 5);
  });
  t.true(expired >= 35);
});

test('a tool’s own deadline wins over the server’s, and initialize has its own', (t) => {
  const policy = serverPolicySchema.parse({
    name: 's',
    timeouts: { callMs: 100, toolMs: { slow: 0 }, initializeMs: 7 },
  });
  t.deepEqual(
    [
      deadlineMs(policy, 'tools/call', 'x'),
      deadlineMs(policy, 'tools/call', 'slow'),
      deadlineMs(policy, 'ping', null),
      deadlineMs(policy, 'initialize', null),
      deadlineMs(policy, 'tools/call', 'constructor'),
    ],
    [100, 0, 100, 7, 100],
  );
});

test('every request of a body gets an error; unknown sessions get the same bytes whatever the reason', (t) => {
  const facts = {
    server: 's',
    replica: '1',
    attempts: 2,
    outcome: 'not_sent' as const,
    retrySafe: true,
    sessionRecovered: false,
  };
  t.deepEqual(
    meshErrors('noReplica', ['a', 2], facts).map(({ id, error }) => [id, error.code, error.data?.outcome]),
    [
      ['a', -31002, 'not_sent'],
      [2, -31002, 'not_sent'],
    ],
  );
  t.deepEqual(meshErrors('sessionNotFound', [1], facts), [
    { jsonrpc: '2.0', id: 1, error: { code: -32001, message: 'Session not found' } },
  ]);
  t.deepEqual(
    (['unknown', 'capability', 'no-replica', 'timeout', 'queue-full', 'failed'] as const).map((reason) =>
      errorOfRefusal(reason, 'recover'),
    ),
    ['sessionNotFound', 'sessionNotFound', 'noReplica', 'recoveryFailed', 'overload', 'recoveryFailed'],
  );
  t.deepEqual((['sessionNotFound', 'replicaLost', 'deadline', 'recoveryFailed'] as const).map(outcomeOfError), [
    'lost_session',
    'replica_fault',
    'replica_fault',
    'overload',
  ]);
});

test('a session’s record is made of the first answer to initialize, and of nothing that is none', (t) => {
  const birth = {
    replica: {
      server: 's',
      replica: 'r',
      backend: 'canary',
      slot: '4',
      address: '',
      state: 'active' as const,
      isSteady: true,
      weight: 1,
    },
    upstreamId: 'up',
    owner: { principal: null, credentials: null },
    initializeParams: { a: 1 },
    nowMs: 5,
  };
  const { clientId, record } = beginSession(birth);
  t.is(clientId, '4~up');
  t.regex(
    beginSession({ ...birth, owner: { principal: 'ab'.repeat(32), credentials: null } }).clientId,
    /^4p~(?!up$)/,
    'a bound id tells nobody the replica’s own',
  );
  t.like(bornRecord(record, { protocolVersion: '2025-11-25', capabilities: { tools: {} } }), {
    slot: '4',
    backend: 'canary',
    upstreamId: 'up',
    epoch: 0,
    capabilities: { tools: {} },
    initializeParams: { a: 1 },
    userId: 'anonymous',
  });
  for (const result of [undefined, null, {}, { protocolVersion: 5 }]) t.is(bornRecord(record, result), null);
});

test('calls are counted by session and by server', (t) => {
  const open: number[] = [],
    calls = new SessionCalls((_server, count) => open.push(count));
  calls.began('s', 'd');
  calls.began('s', null);
  t.is(calls.of('d'), 1);
  calls.ended('s', 'd');
  calls.ended('s', null);
  t.is(calls.of('d'), 0);
  t.deepEqual(open, [1, 2, 1, 0]);
});
