import test from 'ava';
import fc from 'fast-check';
import { messageType } from '../../proto/xds/schema.ts';
import type { AccessLogEntry } from './access-log-entry.ts';
import { AccessLogBatch } from './decode-access-log.ts';
import { logBatch, logEntry } from './testing/test-log-entry.ts';

const request = messageType('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest');
const decodeAccessLog = (bytes: Buffer): AccessLogEntry[] => {
  const read = new AccessLogBatch(bytes);
  return Array.from({ length: read.length }, (_, i) => read.entry(i));
};
interface Whole {
  resource_logs: { scope_logs: { log_records: { time_unix_nano: string; body?: { string_value?: string } }[] }[] }[];
}

const value = fc.string({ maxLength: 40, unit: 'grapheme' }).map((string_value) => ({ string_value }));
const record = fc.record(
  {
    time_unix_nano: fc.integer({ min: 0, max: 2 ** 52 }).map((ms) => String(ms)),
    body: fc.oneof(
      value,
      fc.boolean().map((bool_value) => ({ bool_value })),
    ),
  },
  { requiredKeys: [] },
);
const batch = fc.record({
  resource_logs: fc.array(
    fc.record({
      scope_logs: fc.array(fc.record({ log_records: fc.array(record, { maxLength: 4 }) }), { maxLength: 3 }),
    }),
    { maxLength: 3 },
  ),
});

test('whatever Envoy sends, decoding what is needed gives the same as decoding all of it', (t) => {
  let most = 0;
  fc.assert(
    fc.property(batch, (message) => {
      const bytes = Buffer.from(request.encode(request.fromObject(message)).finish());
      const whole = request.toObject(request.decode(bytes), { longs: String, arrays: true, defaults: true }) as Whole;
      const entries = decodeAccessLog(bytes);
      most = Math.max(most, entries.length);
      t.deepEqual(
        entries,
        whole.resource_logs.flatMap((resource) =>
          resource.scope_logs.flatMap((scope) =>
            scope.log_records.map(({ time_unix_nano, body }) => ({
              startedAtMs: Number(time_unix_nano) / 1e6,
              text: body?.string_value ?? '',
            })),
          ),
        ),
      );
    }),
    { numRuns: 1000 },
  );
  t.true(most >= 5);
});

test('a field that is not known is passed over, wherever it stands', (t) => {
  const unknown = Buffer.from([0x78, 0x05, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 0x02, 0x61, 0x62]); // Field 15 as each wire type.
  const [one] = decodeAccessLog(Buffer.concat([unknown, logBatch([logEntry({ route: 'linear/steady' })]), unknown]));
  t.deepEqual(one, logEntry({ route: 'linear/steady' }));
});

test('a cut-off batch is refused, whatever its length', (t) => {
  const bytes = logBatch([logEntry({ route: 'linear/steady', session: '7~abc' })]);
  for (let length = 1; length < bytes.length; length++)
    t.throws(() => decodeAccessLog(bytes.subarray(0, length)), { instanceOf: RangeError });
  t.is(decodeAccessLog(bytes).length, 1);
});
