import test from 'ava';
import fc from 'fast-check';
import { accessLogService } from '../../proto/xds/services.ts';
import type { AccessLogMessage } from './access-log-receiver.ts';
import { decodeAccessLog } from './decode-access-log.ts';
import { readEntry } from './read-entry.ts';

const { requestSerialize, requestDeserialize } = accessLogService['StreamAccessLogs']!;
const text = fc.string({ maxLength: 12 }), some = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const time = fc.record({ seconds: fc.integer({ min: 0, max: 2 ** 40 }), nanos: fc.integer({ min: 0, max: 999_999_999 }) });
const address = { socket_address: { address: '127.0.0.1', port_value: 3001 } };
const value = fc.oneof(text.map(string_value => ({ string_value })), fc.double({ noNaN: true }).map(number_value => ({ number_value })), fc.boolean().map(bool_value => ({ bool_value })), fc.constant({ list_value: { values: [{ string_value: 'x' }] } }));
const struct = fc.dictionary(fc.constantFrom('method', 'id', 'name', 'code', 'isError', 'read', 'jsonFailed', 'permit'), value).map(fields => ({ fields }));
const flag = fc.constantFrom('no_healthy_upstream', 'upstream_remote_reset', 'downstream_connection_termination', 'downstream_remote_reset', 'upstream_overflow', 'upstream_retry_limit_exceeded', 'dns_resolution_failure', 'upstream_protocol_error');
const headers = fc.dictionary(fc.constantFrom('x-holdfast-server', 'x-holdfast-session', 'mcp-method', 'mcp-name', 'traceparent', 'other'), text);

const entry = fc.record({
  common_properties: fc.record({
    sample_rate: fc.constant(1), downstream_remote_address: fc.constant(address), start_time: some(time), duration: some(time), time_to_last_downstream_tx_byte: some(time),
    upstream_remote_address: some(fc.constant(address)), upstream_cluster: fc.constantFrom('mcp.linear', 'relay', ''), route_name: fc.constantFrom('linear/steady', 'linear/decide', 'linear/relay', 'health', ''),
    response_flags: some(fc.oneof(fc.uniqueArray(flag).map(names => Object.fromEntries(names.map(name => [name, true]))), fc.constant({ unauthorized_details: { reason: 'EXTERNAL_SERVICE' } }))),
    metadata: some(fc.dictionary(fc.constantFrom('mcp', 'outcome', 'holdfast', 'envoy.filters.http.other'), struct).map(filter_metadata => ({ filter_metadata }))),
    custom_tags: fc.dictionary(fc.constantFrom('slot', 'other'), text), upstream_request_attempt_count: fc.nat(5), downstream_wire_bytes_sent: fc.nat(),
  }),
  request: fc.record({ request_method: fc.constantFrom('GET', 'POST', 'DELETE', 'METHOD_UNSPECIFIED'), path: text, request_headers: headers, request_body_bytes: fc.nat() }),
  response: fc.record({
    response_code: some(fc.integer({ min: 0, max: 599 }).map(code => ({ value: code }))), response_body_bytes: fc.nat(2 ** 31 - 1), response_code_details: fc.constantFrom('via_upstream', 'direct_response', ''),
    response_headers: fc.dictionary(fc.constantFrom('content-type', 'retry-after', 'mcp-session-id'), text),
  }),
});

test('whatever Envoy sends, decoding what is needed gives the same outcome as decoding all of it', t => {
  const kinds = new Set<string>();
  fc.assert(fc.property(fc.array(entry, { maxLength: 5 }), log_entry => {
    const bytes = requestSerialize({ identifier: { log_name: 'mcp' }, http_logs: { log_entry } }) as Buffer;
    const whole = (requestDeserialize(bytes) as AccessLogMessage).http_logs?.log_entry ?? [];
    const needed = decodeAccessLog(bytes).http_logs!.log_entry!;
    const readings = needed.map(one => readEntry(one, () => 'stable'));
    t.deepEqual(readings, whole.map(one => readEntry(one, () => 'stable')));
    for (const reading of readings) kinds.add(reading.kind === 'outcome' ? reading.outcome.kind : reading.kind);
  }), { numRuns: 1000 });
  t.true(kinds.size >= 7, [...kinds].join());
});

test('a cut-off message is refused, whatever its length', t => {
  const bytes = requestSerialize({ http_logs: { log_entry: [{ common_properties: { route_name: 'linear/steady', upstream_cluster: 'mcp.linear' }, request: { request_headers: { a: 'b' } } }] } }) as Buffer;
  for (let length = 1; length < bytes.length; length++) t.throws(() => decodeAccessLog(bytes.subarray(0, length)), { instanceOf: RangeError });
  t.notThrows(() => decodeAccessLog(bytes));
});
