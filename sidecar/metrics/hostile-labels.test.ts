import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { Breakers } from '../breaker/breakers.ts';
import { breakerStates } from './breaker-states.ts';
import { createMetrics } from './metrics.ts';

/** Texts that a client can put wherever it chooses one: none of them may come to a label, and no two may make two series. */
const HOSTILE = [
  'evil-plain',
  'evil"} 1\nmcp_evil_total{a="',
  'evil\\',
  'evil\u0000\u0007',
  'evil-\u202e-ünïcödé-😀',
  'evil'.repeat(500),
  '__proto__',
  'constructor',
  'toString',
  '',
];

const outcome = (fields: Partial<Outcome>): Outcome =>
  sampleOutcome({ kind: 'server_error', tool: null, errorCode: -32603, ...fields });

test('whatever a client calls methods, tools, sessions and addresses, no label holds its text and the series stay the same', async (t) => {
  const m = createMetrics({ version: '1', nodeId: 'gateway-1', isProcessMeasured: false });
  const breakers = new Breakers({ isListed: (server, tool) => m.tools.isListed(server, tool) });
  const one = { threshold: 1, minSessions: 1, minClients: 1 };
  breakers.configure(serverPolicySchema.parse({ name: 'linear', toolBreaker: one, replicaBreaker: one }));
  breakerStates(m, () => breakers.table.all());
  m.tools.list('linear', ['echo']);
  const see = (fields: Partial<Outcome>): void => {
    for (const kind of ['server_error', 'tool_error', 'success', 'client_fault', 'replica_fault'] as const) {
      m.requests.outcome(outcome({ ...fields, kind }));
      breakers.observe(outcome({ ...fields, kind, slot: null }), 0);
    }
  };
  const seriesOf = async (): Promise<string[]> =>
    (await m.render(undefined)).body.split('\n').map((line) => line.replace(/ [^ ]*$/, ''));
  for (const text of ['first', ...HOSTILE]) {
    see({ method: text });
    see({ tool: text });
    see({ session: text, client: text });
  }
  const series = await seriesOf();
  for (let i = 0; i < 1000; i++) {
    see({ method: `more-evil-${i}`, session: `s${i}`, client: `c${i}` });
    see({ tool: `more-evil-${i}` });
  }
  t.deepEqual(await seriesOf(), series);
  const labels = series.filter((line) => !line.startsWith('#'));
  t.deepEqual(
    labels.filter((line) => /evil|proto__|constructor|toString|first/.test(line)),
    [],
  );
  t.is(breakers.table.size, 0);
});

test('a tool that an operator names has one series, whatever it is called', async (t) => {
  const m = createMetrics({ version: '1', nodeId: 'gateway-1', isProcessMeasured: false });
  breakerStates(m, () =>
    HOSTILE.map((key) => ({
      server: 'linear',
      level: 'tool' as const,
      key,
      gate: { state: { kind: 'forced-open' } },
    })),
  );
  const lines = (await m.render(undefined)).body.match(/^mcp_breaker_not_closed\{.*$/gm);
  t.deepEqual(lines, ['mcp_breaker_not_closed{server_id="linear",level="tool",key="other",state="forced-open"} 1']);
});
