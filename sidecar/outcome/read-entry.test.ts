import test from 'ava';
import { accessLogService } from '../../proto/xds/services.ts';
import type { AccessLogEntry } from './access-log-entry.ts';
import { readEntry } from './read-entry.ts';

const text = (string_value: string) => ({ string_value });
/** An entry as Envoy sends it, through the wire and back. */
function overTheWire(entry: object): AccessLogEntry {
  const { requestSerialize, requestDeserialize } = accessLogService['StreamAccessLogs']!;
  const message = requestDeserialize(requestSerialize({ http_logs: { log_entry: [entry] } })) as { http_logs: { log_entry: AccessLogEntry[] } };
  return message.http_logs.log_entry[0]!;
}
const entry = (common: object = {}, headers: object = {}, response: object = {}): AccessLogEntry => overTheWire({
  common_properties: {
    start_time: { seconds: 1_700_000_000, nanos: 500_000_000 }, duration: { nanos: 12_000_000 }, route_name: 'linear/steady', upstream_cluster: 'mcp.linear',
    upstream_remote_address: { socket_address: { address: '127.0.0.1', port_value: 3001 } }, custom_tags: { slot: '7' },
    metadata: { filter_metadata: {
      mcp: { fields: { method: text('tools/call'), id: { number_value: 5 }, name: text('echo') } },
      outcome: { fields: { read: text('events'), isError: { bool_value: true } } },
      holdfast: { fields: { permit: text('p-1') } },
    } },
    ...common,
  },
  request: { request_method: 'POST', path: '/mcp', request_headers: { 'x-holdfast-server': 'linear', 'x-holdfast-session': '7~abc', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', ...headers } },
  response: { response_code: { value: 200 }, response_body_bytes: 120, response_code_details: 'via_upstream', response_headers: { 'content-type': 'text/event-stream' }, ...response },
});
const read = (one: AccessLogEntry) => readEntry(one, (server, slot) => (server === 'linear' && slot === '7' ? 'canary' : null));

test('an entry becomes an outcome, as it comes from the wire', t => {
  t.deepEqual(read(entry()), {
    kind: 'outcome',
    outcome: {
      kind: 'tool_error', server: 'linear', slot: '7', backend: 'canary', method: 'tools/call', tool: 'echo', status: 200, errorCode: null, durationMs: 12,
      startedAtMs: 1_700_000_000_500, source: 'envoy', way: 'steady', session: '7~abc', traceId: '0af7651916cd43dd8448eb211c80319c', permit: 'p-1',
    },
  });
});

test('what the relay answered is left to the relay', t => {
  t.is(read(entry({ upstream_cluster: 'relay', route_name: 'linear/relay' })).kind, 'relay');
});

test('a relay that can’t be reached is reported here, for nobody else does', t => {
  const reading = read(entry({ upstream_cluster: 'relay', route_name: 'linear/relay', custom_tags: {}, response_flags: { upstream_connection_failure: true } }, {}, { response_code: { value: 503 }, response_code_details: 'upstream_reset_before_response_started' }));
  t.like(reading, { kind: 'outcome', outcome: { kind: 'replica_fault', slot: null, way: 'relay' } });
});

test('health checks, documents, upgrades and unknown paths are no MCP requests', t => {
  for (const route_name of ['', 'health', 'linear/document', 'linear/upgrade']) t.is(read(entry({ route_name })).kind, 'foreign', route_name);
});

test('the session is known by metadata, the server by its route, when no header says them', t => {
  const metadata = { filter_metadata: { holdfast: { fields: { session: text('7~abc') } }, mcp: { fields: { method: text('ping'), id: { number_value: 1 } } } } };
  t.like(read(entry({ metadata }, { 'x-holdfast-server': '', 'x-holdfast-session': '' })), { outcome: { server: 'linear', session: '7~abc', method: 'ping' } });
});

test('an entry without its parts is malformed', t => {
  t.is(readEntry({}, () => null).kind, 'malformed');
});

test('a modern request that no filter read is known by its headers', t => {
  const reading = read(entry({ route_name: 'linear/modern', metadata: null }, { 'mcp-method': 'tools/call', 'mcp-name': 'add', 'x-holdfast-session': '' }));
  t.like(reading, { kind: 'outcome', outcome: { kind: 'unread', method: 'tools/call', tool: 'add', way: 'modern', session: null } });
});

test('a client’s answer to the server is called a response', t => {
  const metadata = { filter_metadata: { mcp: { fields: { id: { number_value: 0 } } } } };
  t.like(read(entry({ metadata }, {}, { response_code: { value: 202 }, response_body_bytes: 0, response_headers: {} })), { outcome: { kind: 'success', method: 'response', tool: null } });
});

test('what the sidecar refused blames no replica', t => {
  const reading = read(entry({ route_name: 'linear/decide' }, {}, { response_code: { value: 503 }, response_code_details: 'ext_proc_immediate', response_headers: { 'retry-after': '3' } }));
  t.like(reading, { outcome: { kind: 'overload', slot: null, backend: null } });
});
