import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { Breakers } from '../breaker/breakers.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { OutcomeLogger } from './outcome-log.ts';
import { outcomePipeline } from './outcome-pipeline.ts';

const KINDS: OutcomeKind[] = [
  'success',
  'tool_error',
  'protocol_error',
  'server_error',
  'replica_fault',
  'overload',
  'lost_session',
  'client_fault',
  'cancelled',
  'unread',
];
const secret = `s-${randomBytes(8).toString('hex')}`;
const outcome = (fields: Partial<Outcome> = {}): Outcome =>
  sampleOutcome({
    durationMs: 3,
    startedAtMs: 1000,
    source: 'envoy',
    mode: 'steady',
    session: `1~${secret}`,
    ...fields,
  });

function pipeline(successSample = 0) {
  const metrics = createMetrics({ version: '1', nodeId: 'n', isProcessMeasured: false });
  const breakers = new Breakers();
  breakers.configure(
    serverPolicySchema.parse({
      name: 'linear',
      replicaBreaker: { form: 'rate', windowSize: 20_000, minimumCalls: 20_000 },
      toolBreaker: { form: 'rate', windowSize: 20_000, minimumCalls: 20_000 },
    }),
  );
  const lines: { level: string; fields: Record<string, unknown> }[] = [];
  const logger: OutcomeLogger = {
    info: (fields) => {
      lines.push({ level: 'info', fields: fields as Record<string, unknown> });
    },
    warn: (fields) => {
      lines.push({ level: 'warn', fields: fields as Record<string, unknown> });
    },
  };
  const touches: string[] = [];
  const bus = outcomePipeline({
    metrics,
    breakers,
    logger,
    touch: (server, digest, atMs) => {
      touches.push(`${server} ${digest.length} ${atMs}`);
    },
    touchIntervalMs: () => 5000,
    successSample: () => successSample,
    now: () => 2000,
  });
  return { metrics, breakers, lines, touches, bus };
}

test('ten thousand mixed outcomes are counted exactly, each once', async (t) => {
  const { metrics, lines, bus } = pipeline();
  const sent: Record<string, number> = {};
  for (let i = 0; i < 10_000; i++) {
    const kind = KINDS[((i * 7919) % 23) % KINDS.length]!;
    sent[kind] = (sent[kind] ?? 0) + 1;
    t.true(bus.publish(outcome({ kind })));
    if (i % 3000 === 0) await new Promise(setImmediate);
  }
  bus.flush();
  const { body } = await metrics.render(undefined);
  for (const [kind, count] of Object.entries(sent)) t.true(body.includes(`outcome="${kind}"} ${count}\n`), kind);
  t.true(
    body.includes('mcp_request_duration_seconds_count{method="tools/call",server_id="linear",status="200"} 10000\n'),
  );
  t.is(lines.length, 10_000 - sent['success']! - sent['unread']!);
});

test('the log never holds a session id, only enough of its digest to follow it', (t) => {
  const { lines, bus } = pipeline();
  bus.publish(outcome({ kind: 'replica_fault', traceId: 'a'.repeat(32) }));
  bus.publish(outcome({ kind: 'tool_error' }));
  bus.flush();
  t.deepEqual(
    lines.map((line) => line.level),
    ['warn', 'info'],
  );
  t.false(JSON.stringify(lines).includes(secret));
  t.regex(String(lines[0]!.fields['session']), /^[0-9a-f]{12}$/);
});

test('successes are logged as often as the policy says', (t) => {
  const none = pipeline(0),
    all = pipeline(1);
  for (const { bus } of [none, all]) {
    bus.publish(outcome());
    bus.flush();
  }
  t.is(none.lines.length, 0);
  t.is(all.lines.length, 1);
});

test('a session is touched by what Envoy carried, once in its interval; what was decided on was touched then', (t) => {
  const { touches, bus } = pipeline();
  for (const startedAtMs of [1000, 1001, 5999, 6000]) bus.publish(outcome({ startedAtMs }));
  bus.publish(outcome({ source: 'relay', session: '2~other' }));
  bus.publish(outcome({ mode: 'decide', session: '4~other' }));
  bus.publish(outcome({ kind: 'lost_session', session: '3~other' }));
  bus.flush();
  t.deepEqual(touches, ['linear 64 1000', 'linear 64 6000']);
});
