import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { credentials, makeClientConstructor, type ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { messageType } from '../../proto/xds/schema.ts';
import { logsService } from '../../proto/xds/services.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { accessLogReceiver } from '../outcome/access-log-receiver.ts';
import { OutcomeBus } from '../outcome/outcome-bus.ts';
import { logBatch, logEntry } from '../outcome/testing/test-log-entry.ts';
import { startExtProc } from './start-ext-proc.ts';
import { idleExtProc } from './testing/idle-ext-proc.ts';

const entry = logEntry({
  route: 'linear/steady',
  httpMethod: 'POST',
  status: '202',
  details: 'via_upstream',
  slot: '1',
  upstreamPort: '1',
  bytesSent: '0',
});
const request = messageType('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest');

test('a batch of access logs is answered when it has been taken, and the sidecar ends although Envoy’s connection stays', async (t) => {
  t.timeout(15_000);
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const bus = new OutcomeBus(),
    seen: Outcome[] = [],
    socket = join(folder.path, 'ext-proc.sock');
  bus.subscribe('test', (outcome) => {
    seen.push(outcome);
  });
  const receive = accessLogReceiver({ bus, backendOf: () => null });
  const extProc = await startExtProc({
    ...idleExtProc(),
    onError: (error: unknown) => t.fail(String(error)),
    addresses: [socket],
    accessLogs: (batch) => (batch.length > 1000 ? Promise.resolve('full') : receive(batch)),
  });
  const client = new (makeClientConstructor(logsService, 'LogsService'))(
    `unix:${socket}`,
    credentials.createInsecure(),
  );
  t.teardown(() => client.close());
  const send = (count: number): Promise<ServiceError | null> =>
    new Promise((done) => {
      const message = request.decode(logBatch(Array.from({ length: count }, () => entry)));
      (client as unknown as { Export(message: object, answer: (error: ServiceError | null) => void): void }).Export(
        message,
        done,
      );
    });
  t.is(await send(2), null);
  t.is((await send(100))?.code, 8); // RESOURCE_EXHAUSTED
  bus.flush();
  t.is(seen.length, 2);
  // Far longer than this test may take: it must not be waited for.
  await extProc.close(600_000);
});

test('a call that ends without a whole batch is answered, not kept', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const socket = join(folder.path, 'ext-proc.sock');
  const extProc = await startExtProc({
    ...idleExtProc(),
    onError: (error: unknown) => t.fail(String(error)),
    addresses: [socket],
    accessLogs: () => Promise.resolve('taken'),
  });
  t.teardown(() => extProc.close(0));
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  t.teardown(() => session.destroy());
  // Nothing, half a head, and a head that promises more than comes.
  for (const bytes of [[], [0, 0], [0, 0, 0, 0, 9, 1]]) {
    const stream = session.request({ ':method': 'POST', ':path': logsService['Export']?.path ?? '' });
    stream.end(Buffer.from(bytes));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    t.is(headers['grpc-status'], '13', bytes.join(' '));
  }
  t.is(extProc.openStreams, 0);
});
