import test from 'ava';
import { neighbourHeaders, ownMessageHeaders, upstreamHeaders } from './headers.ts';

test('a replica gets the client’s headers, its own session id, and nothing of the mesh or of the hop', (t) => {
  const raw = [
    'Host',
    'mcp.example',
    'Authorization',
    'Bearer x',
    'Mcp-Session-Id',
    '1~a',
    'X-Holdfast-Way',
    'steady',
    'Connection',
    'keep-alive',
    'Content-Length',
    '5',
    'Accept-Encoding',
    'gzip',
    'Mcp-Param-Handle',
    'h',
    'X-Custom',
    '1',
    'X-Custom',
    '2',
  ];
  t.deepEqual(upstreamHeaders(raw, 'a', null), [
    'host',
    'mcp.example',
    'authorization',
    'Bearer x',
    'mcp-param-handle',
    'h',
    'x-custom',
    '1',
    'x-custom',
    '2',
    'mcp-session-id',
    'a',
  ]);
  t.deepEqual(upstreamHeaders(['Host', 'a', 'host', 'b'], null, 'localhost'), ['host', 'localhost']);
});

test('a message of the relay’s own says what it is itself, and keeps who speaks', (t) => {
  const base = [
    'host',
    'h',
    'authorization',
    'Bearer x',
    'content-type',
    'text/plain',
    'accept',
    '*/*',
    'mcp-protocol-version',
    '2025-06-18',
    'mcp-method',
    'tools/call',
    'last-event-id',
    '5',
    'x-api-key',
    'k',
  ];
  const value = (headers: string[], name: string) => headers[headers.indexOf(name) + 1];
  const own = ownMessageHeaders(base, 'id', '2025-11-25');
  t.is(value(own, 'content-type'), 'application/json');
  t.is(value(own, 'mcp-protocol-version'), '2025-11-25');
  t.is(value(own, 'x-api-key'), 'k');
  for (const name of ['mcp-method', 'last-event-id']) t.false(own.includes(name));
  t.is(value(ownMessageHeaders(base, 'id', undefined), 'mcp-protocol-version'), '2025-06-18');
  t.false(ownMessageHeaders(base, null, null).includes('mcp-protocol-version'));
});

test('a neighbour gets everything that Envoy said, and that it must not pass it on', (t) => {
  t.deepEqual(
    neighbourHeaders([
      'X-Holdfast-Server',
      's',
      'X-Holdfast-Session',
      '1~a',
      'Content-Length',
      '3',
      'X-Holdfast-Forwarded',
      '0',
    ]),
    ['x-holdfast-server', 's', 'x-holdfast-session', '1~a', 'x-holdfast-forwarded', '1'],
  );
});
