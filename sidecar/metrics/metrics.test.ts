import { readFileSync } from 'node:fs';
import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { breakerStates } from './breaker-states.ts';
import { createMetrics } from './metrics.ts';

const outcome = (fields: Partial<Outcome> = {}): Outcome =>
  sampleOutcome({ durationMs: 120, source: 'envoy', mode: 'steady', ...fields });
const metrics = () => createMetrics({ version: '1.2.3', nodeId: 'gateway-1', isProcessMeasured: false });

test('a request is counted under the promised names, labels and buckets', async (t) => {
  const m = metrics();
  m.requests.outcome(outcome());
  m.requests.outcome(outcome({ kind: 'replica_fault', status: 503 }));
  const { body } = await m.render(undefined);
  for (const le of ['0.1', '0.5', '1', '2', '5'])
    t.true(
      body.includes(
        `mcp_request_duration_seconds_bucket{le="${le}",method="tools/call",server_id="linear",status="200"}`,
      ),
      le,
    );
  t.true(body.includes('mcp_errors_total{method="tools/call",server_id="linear",error_type="replica_fault"} 1'));
  t.true(
    body.includes('mcp_requests_total{server_id="linear",backend="stable",method="tools/call",outcome="success"} 1'),
  );
});

test('what the client gave up and what nobody read are no errors', async (t) => {
  const m = metrics();
  for (const kind of ['success', 'cancelled', 'unread'] as const) m.requests.outcome(outcome({ kind }));
  t.notRegex((await m.render(undefined)).body, /^mcp_errors_total\{/m);
});

test('names that only clients know never become labels', async (t) => {
  const m = metrics();
  m.tools.learn('linear', ['echo']);
  m.requests.outcome(outcome());
  m.requests.outcome(outcome({ tool: 'invented', method: 'no/such', kind: 'client_fault' }));
  m.requests.outcome(outcome({ tool: 'unlisted' }));
  const { body } = await m.render(undefined);
  t.false(body.includes('unlisted'), 'a server may answer any name');
  t.true(body.includes('mcp_tool_calls_total{server_id="linear",tool="echo",outcome="success"} 1'));
  t.true(body.includes('mcp_tool_calls_total{server_id="linear",tool="other",outcome="client_fault"} 1'));
  t.true(body.includes('method="other"'));
  t.false(body.includes('invented') || body.includes('no/such'));
});

test('a server with endless tools fills no more than its share of labels', async (t) => {
  const m = metrics();
  for (let i = 0; i < 1000; i++) {
    m.tools.list('linear', [`tool-${i}`]);
    m.requests.outcome(outcome({ tool: `tool-${i}` }));
  }
  t.is((await m.render(undefined)).body.match(/^mcp_tool_calls_total\{/gm)?.length, 101);
});

test('a scraper that asks for OpenMetrics gets it, with exemplars, and the other format stays whole', async (t) => {
  const m = metrics();
  m.requests.outcome(outcome({ traceId: '0af7651916cd43dd8448eb211c80319c' }));
  const [open, text, again] = await Promise.all([
    m.render('application/openmetrics-text; version=1.0.0'),
    m.render('text/plain'),
    m.render('application/openmetrics-text'),
  ]);
  t.regex(open.contentType, /^application\/openmetrics-text/);
  t.true(open.body.endsWith('# EOF\n'));
  t.regex(open.body, /# \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 0\.12 /);
  t.regex(open.body, /^# TYPE mcp_requests counter$/m);
  t.regex(open.body, /^mcp_requests_total\{/m);
  t.regex(text.contentType, /^text\/plain/);
  t.regex(text.body, /^# TYPE mcp_requests_total counter$/m);
  t.regex(text.body, /^mcp_requests_total\{/m);
  t.is(again.body, open.body);
});

test('breakers are read when scraped, and those that are gone leave no series', async (t) => {
  const m = metrics();
  let readings = [
    { server: 'linear', level: 'replica' as const, key: '1', gate: { state: { kind: 'open' } } },
    { server: 'linear', level: 'replica' as const, key: '2', gate: { state: { kind: 'closed' } } },
  ];
  breakerStates(m, () => readings);
  const first = (await m.render(undefined)).body;
  t.true(first.includes('mcp_breakers{server_id="linear",level="replica",state="open"} 1'));
  t.true(first.includes('mcp_breaker_not_closed{server_id="linear",level="replica",key="1",state="open"} 1'));
  t.false(first.includes('key="2"'));
  readings = [];
  t.notRegex((await m.render(undefined)).body, /^mcp_breaker(s|_not_closed)\{/m);
});

test('a server’s counters begin at 0 when it is known, so that the first loss is a growth', async (t) => {
  const m = metrics();
  m.links.servers([
    { server: 'linear', isHealthy: true, replicas: [{ backend: 'stable', state: 'active', count: 2 }] },
  ]);
  const begun = (await m.render(undefined)).body;
  for (const wanted of [
    'mcp_session_lost_total{server_id="linear",reason="no-replica"} 0',
    'mcp_errors_total{method="tools/call",server_id="linear",error_type="replica_fault"} 0',
    'mcp_requests_total{server_id="linear",backend="stable",method="tools/call",outcome="success"} 0',
    'mcp_calls_ambiguous_total{server_id="linear"} 0',
    'mcp_server_health{server_id="linear"} 1',
  ])
    t.true(begun.includes(wanted), wanted);
  m.sessions.lost('linear', 'no-replica');
  m.sessions.recovery('linear', 'unreachable', 'recovered', 10);
  m.links.servers([{ server: 'linear', isHealthy: true, replicas: [] }]);
  t.true((await m.render(undefined)).body.includes('mcp_session_lost_total{server_id="linear",reason="no-replica"} 1'));
  t.true((await m.render(undefined)).body.includes('mcp_failover_duration_seconds_count{server_id="linear"} 1'));
});

test('the version in force replaces the one before', async (t) => {
  const m = metrics();
  m.links.xdsVersion('EDS', 'a');
  m.links.xdsVersion('EDS', 'b');
  const { body } = await m.render(undefined);
  t.true(body.includes('holdfast_xds_version_info{type="EDS",version="b"} 1'));
  t.false(body.includes('version="a"'));
});

test('the README’s table has every metric, and nothing else', (t) => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const documented = [...readme.matchAll(/^\| `((?:mcp|holdfast)_\w+)(?:\{([\w, ]*)\})?` \|/gm)].map(
    (match) => `${match[1]} ${match[2] ?? ''}`,
  );
  const m = metrics();
  breakerStates(m, () => []);
  const real = (m.registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[]).map(
    (metric) => `${metric.name} ${metric.labelNames.join(', ')}`,
  );
  t.deepEqual(documented.sort(), real.sort());
});
