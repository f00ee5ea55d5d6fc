import test, { type ExecutionContext } from 'ava';
import { attributeProblems } from '../../deploy/test/otlp/conventions.ts';
import { startCollector, type Collector } from '../../deploy/test/otlp/start-collector.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { auditSchema, MAX_QUEUED_RECORDS } from '../../proto/audit.ts';
import { AuditCollector } from './audit-collector.ts';
import type { AuditRecord, AuditSink } from './audit-record.ts';
import { createOtelAudit } from './otel-audit.ts';

const RECORD: AuditRecord = {
  ...{ audit: 'call', time: '2027-01-15T08:00:00.123Z', principal: 'https://id.example ann', server: 'linear' },
  ...{ method: 'tools/call', tool: 'pay', outcome: 'client_fault', status: 200, errorCode: -31_008, durationMs: 12 },
  ...{ slot: 'a', session: '0123456789ab', traceId: 'f'.repeat(32) },
};
const NOTHING: AuditRecord = {
  ...RECORD,
  ...{ principal: null, method: 'ping', tool: null, outcome: 'success', status: 0, errorCode: null, slot: null },
  ...{ session: null, traceId: null },
};

interface Setup {
  collector: Collector;
  sink: AuditSink;
  problems: string[];
  lost: () => number;
}

/** A collector that is well has all the time that a busy machine needs. */
const LONG_MS = 60_000;

async function setup(t: ExecutionContext, protocol: Collector['protocol'], timeoutMs = LONG_MS): Promise<Setup> {
  const collector = await startCollector(protocol);
  const problems: string[] = [];
  let lost = 0;
  const { otlp } = auditSchema.parse({ otlp: { endpoint: collector.endpoint, protocol, timeoutMs } });
  if (!otlp) throw new Error('no section');
  const sink = createOtelAudit({
    ...{ collector: otlp, nodeId: 'gateway-1', version: '1.2.3' },
    onLost: (count) => {
      lost += count;
    },
    onProblem: (problem) => problems.push(problem),
  });
  t.teardown(async () => {
    await collector.close();
    await sink.close();
  });
  return { collector, sink, problems, lost: () => lost };
}

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  test(`${protocol}: a record arrives with its trace, time and attributes; what is not known has none`, async (t) => {
    const { collector, sink, lost } = await setup(t, protocol);
    sink.write(RECORD);
    sink.write(NOTHING);
    await waitFor(() => collector.records.length === 2, { what: 'the records' });
    const [full, bare] = collector.records;
    t.like(full, {
      ...{ service: 'holdfast-sidecar', instance: 'gateway-1', event: 'holdfast.audit.call', severity: 9 },
      ...{ body: 'tools/call pay: client_fault', traceId: RECORD.traceId ?? '', spanId: '' },
      attributes: {
        ...{ 'enduser.id': 'https://id.example ann', 'holdfast.server': 'linear', 'mcp.method.name': 'tools/call' },
        ...{ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'pay', 'holdfast.outcome': 'client_fault' },
        ...{ 'http.response.status_code': 200, 'rpc.response.status_code': '-31008', 'holdfast.duration_ms': 12 },
        ...{ 'holdfast.slot': 'a', 'mcp.session.id': '0123456789ab' },
      },
    });
    t.is(Math.round(full?.atMs ?? 0), Date.parse(RECORD.time));
    t.deepEqual([bare?.traceId, bare?.body], ['', 'ping: success']);
    t.deepEqual(bare?.attributes, {
      ...{ 'holdfast.server': 'linear', 'mcp.method.name': 'ping', 'holdfast.outcome': 'success' },
      'holdfast.duration_ms': 12,
    });
    t.deepEqual(
      collector.records.flatMap(({ attributes }) => attributeProblems(attributes)),
      [],
    );
    t.is(lost(), 0);
  });

  for (const mood of ['silent', 'huge', 'dripping', 'refusing'] as const)
    test(`${protocol}: a collector that is ${mood} costs its records, which are counted, and nothing else`, async (t) => {
      const { collector, sink, lost, problems } = await setup(t, protocol, 300);
      collector.mood = mood;
      for (let call = 0; call < 3; call++) sink.write(RECORD);
      await waitFor(() => lost() >= 3, { what: 'the batch is given up' });
      t.is(lost(), 3);
      t.true(problems.length > 0);
      collector.mood = 'well';
      const arrives = (): boolean => {
        sink.write(NOTHING);
        return collector.records.some(({ body }) => body === 'ping: success');
      };
      await waitFor(arrives, { what: 'records arrive again', everyMs: 200 });
    });
}

test('a queue that is full loses what comes, counts it, and waits for nobody; all else arrives', async (t) => {
  const { collector, sink, lost } = await setup(t, 'http/protobuf');
  const more = 1000;
  for (let call = 0; call < MAX_QUEUED_RECORDS + more; call++) sink.write(RECORD);
  t.true(lost() > 0 && lost() <= more, String(lost()));
  const kept = MAX_QUEUED_RECORDS + more - lost();
  await waitFor(() => collector.records.length === kept, { what: 'all others to arrive' });
});

test('records that come while the packages load wait, up to as many as the queue takes; without them all are lost', async (t) => {
  const written: AuditRecord[] = [];
  let lost = 0,
    closed = 0;
  const opened = Promise.withResolvers<AuditSink>();
  const options = { onLost: (count: number) => (lost += count), onError: () => t.fail() };
  const sink = new AuditCollector({ ...options, load: () => opened.promise });
  for (let call = 0; call < MAX_QUEUED_RECORDS + 5; call++) sink.write(RECORD);
  t.is(lost, 5);
  opened.resolve({
    write: (record) => written.push(record),
    close: async () => {
      closed++;
    },
  });
  await sink.close();
  sink.write(NOTHING);
  t.deepEqual([written.length, closed, lost], [MAX_QUEUED_RECORDS + 1, 1, 5]);

  const errors: unknown[] = [];
  const broken = new AuditCollector({
    ...{ ...options, load: () => Promise.reject(new Error('no such package')) },
    onError: (error) => errors.push(error),
  });
  broken.write(RECORD);
  await broken.close();
  broken.write(RECORD);
  t.deepEqual([lost, errors.length], [7, 1]);
});
