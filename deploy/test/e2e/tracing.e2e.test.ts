import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ATTRIBUTE, SPAN } from '../../../sidecar/tracing/conventions.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { McpClient } from '../clients/mcp-client.ts';
import { inFlight } from '../mesh/in-flight.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { conventionProblems } from '../otlp/conventions.ts';
import type { ReceivedSpan } from '../otlp/decode-spans.ts';
import { findCollector, startRealCollector } from '../otlp/real-collector.ts';
import { startCollector, type Collector } from '../otlp/start-collector.ts';
import { testWith } from '../test-with.ts';

let collector: Collector;
let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  collector = await startCollector('grpc');
  mesh = await startMesh({
    gateways: 1,
    edges: 1,
    // HTTP probes are not counted among a replica's requests, by which `inFlight` sees the call.
    servers: { linear: { replicas: 2, settings: { trustAnnotations: true, probe: { type: 'http' } } } },
    config: (config) => {
      config['tracing'] = { endpoint: collector.endpoint, sampling: { ratio: 0, followClients: true } };
    },
  });
});
test.after.always(async () => {
  await mesh?.close();
  await collector?.close();
});

const newTraceId = (): string => randomBytes(16).toString('hex');

/** A client whose requests are all of one trace. */
async function tracedClient(traceId: string, flags: '00' | '01'): Promise<McpClient> {
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}`, tracestate: 'vendor=1' };
  return connectClient({ kind: 'v1', url: `${mesh.edges[0]?.url}/mcp/linear`, headers });
}

const spansOf = (traceId: string, at = collector): ReceivedSpan[] =>
  at.spans.filter((span) => span.traceId === traceId);
const called = (spans: ReceivedSpan[], name: string): ReceivedSpan[] =>
  spans.filter((span) => span.service === 'holdfast-sidecar' && span.name === name);

/** Calls `wait` and kills the replica that it waits at. */
async function callUnderKill(client: McpClient): Promise<void> {
  const { replica } = (await client.callTool('whoami')).data as { replica: { name: string } };
  const died = mesh.replicas.find(({ name }) => name === replica.name);
  if (died === undefined) throw new Error(`there is no replica ${replica.name}`);
  const { answer } = await inFlight(died, () => client.callTool('wait', { durationMs: 1500 }));
  await died.process.kill();
  const { data } = await answer;
  if (data['replica'] === replica.name) throw new Error('the call was not moved');
  await died.process.start();
  await mesh.settled();
}

/** Kills the replica of a call, and looks at the spans that `at` got: one trace from the client to both replicas. */
async function failoverIsOneTrace(t: ExecutionContext, at: Collector): Promise<void> {
  const traceId = newTraceId();
  const client = await tracedClient(traceId, '01');
  t.teardown(() => client.close());
  await callUnderKill(client);
  await waitFor(() => called(spansOf(traceId, at), 'tools/call wait').length >= 3, {
    what: 'the call and its two attempts',
  });
  const [root] = called(spansOf(traceId, at), 'tools/call wait').filter(({ kind }) => kind === 'server');
  t.truthy(root);
  // From the client down; Envoys send their spans after a second.
  const chain = (): string[] => {
    const services: string[] = [];
    for (let span = root; span; span = spansOf(traceId, at).find(({ spanId }) => spanId === span?.parentId))
      services.unshift(`${span.service} ${span.kind}`);
    return services;
  };
  await waitFor(() => chain().length === 3, { what: 'spans of edge and gateway' });
  t.deepEqual(chain(), ['holdfast-edge server', 'holdfast-gateway server', 'holdfast-sidecar server']);
  const spans = spansOf(traceId, at);
  const under = (parent: ReceivedSpan): ReceivedSpan[] => spans.filter(({ parentId }) => parentId === parent.spanId);

  const attempts = under(root!).filter(({ kind }) => kind === 'client');
  t.is(attempts.length, 2);
  t.deepEqual(
    attempts.map(({ hasFailed }) => hasFailed),
    [true, false],
  );
  const slots = attempts.map(({ attributes }) => attributes[ATTRIBUTE.slot]);
  t.is(new Set(slots).size, 2);
  t.is(attempts[1]?.attributes[ATTRIBUTE.resendCount], 1);

  const [recovery] = under(root!).filter(({ name }) => name === SPAN.recovery);
  t.truthy(recovery);
  t.like(recovery?.attributes, {
    [ATTRIBUTE.recoveryReason]: 'unreachable',
    [ATTRIBUTE.recoveryResult]: 'recovered',
  });
  const messages = under(recovery!).filter(({ kind }) => kind === 'client');
  t.deepEqual(
    messages.map(({ name }) => name),
    ['initialize', 'notifications/initialized'],
  );
  for (const { attributes } of messages) t.is(attributes[ATTRIBUTE.slot], slots[1]);

  t.like(root?.attributes, {
    [ATTRIBUTE.method]: 'tools/call',
    [ATTRIBUTE.tool]: 'wait',
    [ATTRIBUTE.operation]: 'execute_tool',
    [ATTRIBUTE.server]: 'linear',
    [ATTRIBUTE.outcome]: 'success',
    [ATTRIBUTE.transport]: 'tcp',
  });
  t.regex(String(root?.attributes[ATTRIBUTE.sessionDigest]), /^[0-9a-f]{12}$/);
  t.deepEqual(spans.filter(({ service }) => service === 'holdfast-sidecar').flatMap(conventionProblems), []);
  t.false(JSON.stringify(at.spans).includes(client.sessionId ?? '?'), 'a session id is a credential');
}

test.serial(
  'a failover is one trace: client, edge, gateway, both replicas, and each message of the recovery',
  async (t) => failoverIsOneTrace(t, collector),
);

const realCollector = findCollector();
testWith(
  'OpenTelemetry’s collector: otelcol on PATH, or OTELCOL_BIN',
  realCollector !== null,
  'OpenTelemetry’s own collector takes the trace of a failover, and hands it on whole',
  async (t) => {
    t.timeout(120_000);
    const behind = await startCollector('http/protobuf');
    const real = await startRealCollector(realCollector ?? '', { folder: mesh.folder, to: behind.endpoint });
    t.teardown(async () => {
      await real.close();
      await behind.close();
    });
    const tracingTo = (endpoint: string) =>
      mesh.writeConfig((config) => {
        config['tracing'] = { endpoint, sampling: { ratio: 0, followClients: true } };
      });
    await tracingTo(real.endpoint);
    await waitFor(
      async () => {
        const client = await tracedClient(newTraceId(), '01');
        await client.callTool('whoami');
        await client.close();
        return new Set(behind.spans.map(({ service }) => service)).size === 3;
      },
      { what: 'edge, gateway and sidecar send to the collector', everyMs: 500, timeoutMs: 60_000 },
    );
    await failoverIsOneTrace(t, behind);
    await tracingTo(collector.endpoint);
  },
);

test.serial('a trace that the ratio leaves out is kept by the sidecar when its session is rebuilt', async (t) => {
  const traceId = newTraceId();
  const client = await tracedClient(traceId, '00');
  t.teardown(() => client.close());
  await callUnderKill(client);
  await waitFor(() => called(spansOf(traceId), 'tools/call wait').length >= 3, {
    what: 'the call and its two attempts',
  });
  const names = spansOf(traceId).map(({ name }) => name);
  t.true(names.includes(SPAN.recovery), names.join(' '));
  t.false(names.includes('tools/call whoami'));
  t.deepEqual([...new Set(spansOf(traceId).map(({ service }) => service))], ['holdfast-sidecar']);
});

test.serial(
  'headers come out of files at Envoys and sidecars; where a file is missing calls go on without Envoy’s spans',
  async (t) => {
    const other = await startCollector('http/protobuf');
    t.teardown(() => other.close());
    const token = join(mesh.folder, 'otlp-token');
    await writeFile(token, 'Bearer of the file\n');
    const section = { endpoint: other.endpoint, protocol: other.protocol, sampling: { ratio: 1 } };
    const configure = (file: string) =>
      mesh.writeConfig((config) => {
        config['tracing'] = { ...section, headerFiles: { authorization: file } };
      });
    await configure(token);
    const url = `${mesh.gateways[0]?.url}/mcp/linear`;
    const call = async (): Promise<unknown> => {
      const client = await connectClient({ kind: 'v1', url });
      const { data } = await client.callTool('whoami');
      await client.close();
      return data['replica'];
    };
    const services = () => new Set(other.spans.map(({ service }) => service));
    await waitFor(async () => (await call()) && services().size === 2, {
      what: 'spans of gateway and sidecar',
      everyMs: 200,
    });
    t.deepEqual([...other.tokens], ['Bearer of the file']);
    const { adminUrl, stats } = mesh.gateways[0]!.envoy;
    t.false((await (await fetch(`${adminUrl}/config_dump`)).text()).includes('Bearer of the file'));
    t.true(((await stats('tracing.opentelemetry.spans_sent'))['tracing.opentelemetry.spans_sent'] ?? 0) > 0);

    await configure(join(mesh.folder, 'not-there'));
    const rejected = async () => ((await stats('cds.update_rejected'))['cluster_manager.cds.update_rejected'] ?? 0) > 0;
    await waitFor(rejected, { what: 'the collector’s cluster is rejected' });
    for (let i = 0; i < 5; i++) t.truthy(await call());
    await mesh.writeConfig((config) => {
      config['tracing'] = { endpoint: collector.endpoint, sampling: { ratio: 0, followClients: true } };
    });
  },
);

test.serial('a collector that hangs, or is gone, costs no call, and its spans are counted', async (t) => {
  const client = await tracedClient(newTraceId(), '01');
  t.teardown(() => client.close());
  const metrics = async (): Promise<string> =>
    (await fetch(`${mesh.gateways[0]?.sidecars[0]?.adminUrl}/metrics`)).text();
  for (const mood of ['huge', 'silent'] as const) {
    collector.mood = mood;
    for (let i = 0; i < 20; i++) t.truthy((await client.callTool('whoami')).data['replica']);
  }
  await collector.close();
  for (let i = 0; i < 20; i++) t.truthy((await client.callTool('whoami')).data['replica']);
  await waitFor(async () => /holdfast_spans_dropped_total\{reason="export"\} [1-9]/.test(await metrics()), {
    what: 'the losses are counted',
  });
});
