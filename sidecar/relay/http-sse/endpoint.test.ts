import test from 'ava';
import fc from 'fast-check';
import { parseSessionId } from '../../../proto/session-id.ts';
import { endpointId, endpointOf, meshEndpoint, readEndpoint, sessionOfQuery } from './endpoint.ts';

test('of the server’s URI path and query are kept, and never a host', (t) => {
  t.is(readEndpoint('/messages?sessionId=1', '/mcp'), '/messages?sessionId=1');
  t.is(readEndpoint('messages?sessionId=1', '/a/sse'), '/a/messages?sessionId=1');
  t.is(readEndpoint('http://evil.example/steal?x=1', '/mcp'), '/steal?x=1');
  t.is(readEndpoint('//evil.example/steal', '/mcp'), '/steal');
  for (const bad of ['javascript:alert(1)', 'ftp://x/y', 'http://[', `/${'x'.repeat(1000)}`])
    t.is(readEndpoint(bad, '/mcp'), null, bad);
});

test('an endpoint travels within a session id and through a query', (t) => {
  fc.assert(
    fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
      const endpoint = readEndpoint(`${path || '/'}?${query}`, '/mcp');
      if (endpoint === null) return;
      t.is(endpointOf(endpointId(endpoint)), endpoint);
      const session = `1a~${endpointId(endpoint)}`,
        told = meshEndpoint('/mcp/linear?a=b', session);
      t.true(told.startsWith('/mcp/linear?'));
      t.is(sessionOfQuery(told), session);
      if (session.length < 1030) t.is(parseSessionId(session)!.upstreamId, endpointId(endpoint));
    }),
  );
});

test('an id that no gateway made leads nowhere', (t) => {
  for (const id of [
    '',
    'a b',
    'abc~',
    Buffer.from('no-slash').toString('base64url'),
    Buffer.from('/a\r\nb').toString('base64url'),
    Buffer.from('/ü').toString('base64url'),
  ])
    t.is(endpointOf(id), null, id);
  t.is(sessionOfQuery('/mcp'), null);
});
