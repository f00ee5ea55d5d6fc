import test from 'ava';
import fc from 'fast-check';
import { LOG_LINES } from '../../proto/access-log.ts';
import { AccessLogBatch } from './decode-access-log.ts';
import { readEntry } from './read-entry.ts';
import { logBatch, logEntry, type LogValues } from './testing/test-log-entry.ts';

const values: LogValues = {
  route: 'linear/steady',
  httpMethod: 'POST',
  status: '200',
  details: 'via_upstream',
  slot: '7',
  upstreamPort: '3001',
  bytesSent: '120',
  answeredUs: '12500',
  durationMs: '12',
  client: '2001:db8:0:1::9',
  permit: 'p-1',
  read: 'events',
  isError: '1',
  session: '7~abc',
  method: 'tools/call',
  name: 'echo',
  id: '5',
  contentType: 'text/event-stream',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const backendOf = (server: string, slot: string): string | null =>
  server === 'linear' && slot === '7' ? 'canary' : null;
/** Reads an entry as it comes from the wire. */
const read = (changes: LogValues = {}) =>
  readEntry(new AccessLogBatch(logBatch([logEntry({ ...values, ...changes })])).entry(0), backendOf);
const none = '-';

test('an entry becomes an outcome, as it comes from the wire', (t) => {
  t.deepEqual(read(), {
    kind: 'outcome',
    outcome: {
      kind: 'tool_error',
      server: 'linear',
      slot: '7',
      backend: 'canary',
      method: 'tools/call',
      tool: 'echo',
      status: 200,
      errorCode: null,
      durationMs: 12.5,
      startedAtMs: 1_700_000_000_500,
      source: 'envoy',
      mode: 'steady',
      session: '7~abc',
      client: '2001:db8:0:1::/64',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      permit: 'p-1',
    },
  });
});

test('what Envoy ended because nothing came is told from what a replica broke', (t) => {
  for (const flags of ['UT', 'SI', 'URX,UT', 'DT', 'UMSDR'])
    t.like(read({ flags, status: '504' }), { outcome: { kind: 'replica_fault', isTimeout: true } }, flags);
  for (const flags of ['UF', 'UC', 'UR']) {
    const reading = read({ flags, status: '503' });
    t.true(reading.kind === 'outcome' && reading.outcome.isTimeout === undefined, flags);
  }
});

test('a client that Envoy does not name is nobody in particular', (t) => {
  t.like(read({ client: none }), { outcome: { client: null } });
});

test('a request whose answer never ended lasted as long as Envoy held it', (t) => {
  t.like(read({ answeredUs: none, durationMs: '345', flags: 'DC', read: none, isError: none }), {
    outcome: { kind: 'cancelled', durationMs: 345 },
  });
});

test('what the relay answered is left to the relay', (t) => {
  t.is(read({ route: 'linear/relay', slot: none }).kind, 'relay');
  t.is(read({ route: 'linear/sse', slot: none }).kind, 'relay');
  t.is(read({ route: 'linear/guarded', slot: none }).kind, 'relay');
});

test('a relay that can’t be reached is reported here, for nobody else does', (t) => {
  t.like(
    read({
      route: 'linear/relay',
      slot: none,
      flags: 'URX,UF',
      status: '503',
      details: 'upstream_reset_before_response_started',
    }),
    { kind: 'outcome', outcome: { kind: 'replica_fault', slot: null, mode: 'relay' } },
  );
});

test('health checks, documents, upgrades and unknown paths are no MCP requests', (t) => {
  for (const route of [none, 'health', 'linear/document', 'linear/upgrade'])
    t.is(read({ route }).kind, 'foreign', route);
});

test('an entry without its parts is malformed', (t) => {
  t.is(readEntry({ startedAtMs: 0, text: '' }, () => null).kind, 'malformed');
  t.is(readEntry({ startedAtMs: 0, text: logEntry(values).text.replace('POST ', '') }, () => null).kind, 'malformed');
});

test('a request that no filter read counts as other, whatever its headers claim', (t) => {
  const reading = read({
    route: 'linear/modern',
    method: none,
    name: none,
    id: none,
    read: none,
    isError: none,
    session: none,
  });
  t.like(reading, {
    kind: 'outcome',
    outcome: { kind: 'unread', method: 'other', tool: null, mode: 'modern', session: null },
  });
});

test('a client’s answer to the server is called a response', (t) => {
  t.like(
    read({
      method: none,
      name: none,
      id: '0',
      status: '202',
      bytesSent: '0',
      read: none,
      isError: none,
      contentType: none,
    }),
    { outcome: { kind: 'success', method: 'response', tool: null } },
  );
});

test('what the sidecar refused blames no replica', (t) => {
  const reading = read({
    route: 'linear/decide',
    status: '503',
    details: 'ext_proc_immediate',
    retryAfter: '3',
    read: none,
    isError: none,
  });
  t.like(reading, { outcome: { kind: 'overload', slot: null, backend: null } });
});

test('whatever clients put into headers and bodies, the rest of the outcome stays as it was', (t) => {
  const inBody = fc.string({ maxLength: 20, unit: 'grapheme' }).map((one) => one.replaceAll('a', '\n')),
    inHeader = inBody.map((one) => one.replaceAll(/[\r\n\0]/g, ' '));
  const { kind: _, ...plain } = (read({ isError: none }) as unknown as { outcome: Record<string, unknown> }).outcome;
  const ofBody = ['method', 'tool'],
    ofHeaders = ['session', 'traceId'];
  const header = fc.dictionary(fc.constantFrom('session', 'traceparent', 'contentType'), inHeader);
  const body = fc.dictionary(fc.constantFrom('id', 'method', 'name'), inBody);
  fc.assert(
    fc.property(header, body, (headers, bodies) => {
      const reading = read({ isError: none, ...headers, ...bodies });
      if (reading.kind !== 'outcome') {
        t.fail(reading.kind);
        return;
      }
      for (const [name, value] of Object.entries(plain))
        if (!ofBody.includes(name) && !ofHeaders.includes(name))
          t.deepEqual(reading.outcome[name as 'server'], value, name);
      const session = headers['session'];
      t.is(
        reading.outcome.session,
        session === undefined ? '7~abc' : session === '' || session === none ? null : session,
      );
    }),
    { numRuns: 500 },
  );
  t.is(Object.keys(LOG_LINES).length, 6);
});
