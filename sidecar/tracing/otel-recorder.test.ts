import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { startCollector, type Collector } from '../../deploy/test/otlp/start-collector.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { MAX_QUEUED_SPANS, tracingSchema, type Tracing } from '../../proto/tracing.ts';
import { createRecorder } from './otel-recorder.ts';
import type { Recorder } from './recorder.ts';

/** A time since the epoch: the SDK takes small numbers for times since the process began. */
const BEGAN = 1_800_000_000_000;

interface Setup {
  collector: Collector;
  recorder: Recorder;
  lost: Record<'queue' | 'export', number>;
  problems: string[];
  counts: { sent: number };
}

/** A collector that is well has all the time that a busy machine needs. */
const LONG_MS = 60_000;

async function setup(t: ExecutionContext, protocol: Tracing['protocol'], more: object = {}): Promise<Setup> {
  const collector = await startCollector(protocol);
  const lost = { queue: 0, export: 0 };
  const counts = { sent: 0 };
  const problems: string[] = [];
  const recorder = createRecorder({
    tracing: tracingSchema.parse({ endpoint: collector.endpoint, protocol, timeoutMs: LONG_MS, ...more }),
    nodeId: 'gateway-1',
    version: '1.2.3',
    lost: (reason, count) => {
      lost[reason] += count;
    },
    sent: (count) => {
      counts.sent += count;
    },
    onProblem: (problem) => problems.push(problem),
  });
  t.teardown(async () => {
    await collector.close();
    await recorder.close();
  });
  return { collector, recorder, lost, problems, counts };
}

const begin = (recorder: Recorder, name = 'tools/call') =>
  recorder.start({ name, kind: 'server', startMs: BEGAN, attributes: { 'mcp.method.name': name }, parent: null });

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  test(`${protocol}: a span arrives with its parent, kind, times, attributes, events and links`, async (t) => {
    const { collector, recorder, counts } = await setup(t, protocol);
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: false, state: 'v=1' };
    const link = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), isSampled: true, state: null };
    const span = recorder.start({ name: 'x', kind: 'client', startMs: BEGAN, attributes: { a: 'b' }, parent, link });
    t.like(span.context, { traceId: parent.traceId, isSampled: true, state: 'v=1' });
    span.event('e', { n: 1 }, BEGAN + 1);
    span.set({ late: true, absent: undefined });
    span.end(BEGAN + 500, 'timeout');
    await waitFor(() => counts.sent === 1, { what: 'the batch is taken' });
    const [got] = collector.spans;
    t.like(got, {
      ...{ service: 'holdfast-sidecar', instance: 'gateway-1', traceId: parent.traceId, parentId: parent.spanId },
      ...{ name: 'x', kind: 'client', startMs: BEGAN, endMs: BEGAN + 500, hasFailed: true, links: [link.traceId] },
      attributes: { a: 'b', late: true, 'error.type': 'timeout' },
      events: [{ name: 'e', attributes: { n: 1 } }],
    });
  });

  test(`${protocol}: a header's file is read again when it changes`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-otlp-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const file = join(folder, 'token');
    await writeFile(file, 'Bearer one\n');
    const { collector, recorder, counts, problems } = await setup(t, protocol, {
      headerFiles: { authorization: file },
    });
    begin(recorder).end(BEGAN + 1000);
    await waitFor(() => counts.sent === 1, { what: 'the first batch is taken' });
    await writeFile(`${file}.new`, 'Bearer two\n');
    await rename(`${file}.new`, file);
    begin(recorder).end(BEGAN + 1000);
    await waitFor(() => counts.sent === 2, { what: 'the second batch is taken' });
    t.deepEqual([...collector.tokens], ['Bearer one', 'Bearer two']);
    await rm(file);
    begin(recorder).end(BEGAN + 1000);
    await waitFor(() => problems.length === 1, { what: 'the missing file is told' });
    await writeFile(file, 'Bearer hunter2\nBearer hunter3');
    begin(recorder).end(BEGAN + 1000);
    await waitFor(() => problems.length === 2, { what: 'the file that holds no header is told' });
    for (const problem of problems) t.true(problem.includes(file) && !problem.includes('hunter'), problem);
  });

  for (const mood of ['silent', 'huge', 'dripping', 'refusing'] as const)
    test(`${protocol}: a collector that is ${mood} costs its spans, which are counted, and nothing else`, async (t) => {
      const { collector, recorder, lost, problems, counts } = await setup(t, protocol, { timeoutMs: 300 });
      collector.mood = mood;
      for (let i = 0; i < 3; i++) begin(recorder).end(BEGAN + 1000);
      await waitFor(() => lost.export >= 3 || counts.sent >= 3, { what: 'the batch is given up' });
      t.is(counts.sent, 0);
      t.true(problems.length > 0);
      collector.mood = 'well';
      const arrives = (): boolean => {
        begin(recorder, 'ping').end(BEGAN + 1000);
        return collector.spans.some(({ name }) => name === 'ping');
      };
      await waitFor(arrives, { what: 'spans arrive again', everyMs: 200 });
    });
}

test('a queue that is full drops what comes, and counts it', async (t) => {
  const { collector, recorder, lost } = await setup(t, 'http/protobuf');
  collector.mood = 'silent';
  const more = 1000;
  for (let i = 0; i < MAX_QUEUED_SPANS + more; i++) begin(recorder).end(BEGAN + 1000);
  // One batch of 512 is on its way already.
  t.is(lost.queue, more - 512);
});

test('nobody at the endpoint: the spans are counted, and the problem names no header', async (t) => {
  const { collector, recorder, lost, problems } = await setup(t, 'grpc', { timeoutMs: 300 });
  await collector.close();
  begin(recorder).end(BEGAN + 1000);
  await waitFor(() => lost.export === 1, { what: 'the batch is given up' });
  t.is(problems.length, 1);
});
