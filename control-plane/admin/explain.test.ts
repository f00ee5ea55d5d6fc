import test from 'ava';
import { explain, type ExplainedRequest, type KnownSession } from './explain.ts';
import { sampleContext } from './testing/sample-context.ts';
import type { SessionView } from './session-reader.ts';

const post = (path: string, headers: Record<string, string> = {}, method = 'POST'): ExplainedRequest => ({
  method,
  path,
  headers,
});
const id = (text: string) => ({ 'mcp-session-id': text });
const record = (more: Partial<SessionView>): SessionView => ({
  digest: 'd',
  server: 'linear',
  slot: 'a',
  backend: 'stable',
  userId: 'anonymous',
  type: 'http',
  protocolVersion: '2025-11-25',
  client: '',
  hasGetStream: false,
  epoch: 0,
  createdAtMs: 0,
  lastActivityMs: 0,
  isEnded: false,
  endedAtMs: null,
  moves: [],
  ...more,
});

test('each situation: the route, the replica and the reason', async (t) => {
  const { context, world, stop } = await sampleContext();
  t.teardown(stop);
  const say = (request: ExplainedRequest, session: KnownSession = 'unknown') => {
    const { route, replica, why } = explain(request, context.topology()!, session);
    return `${route} → ${replica ?? 'nobody'}: ${why.join(' ')}`;
  };
  t.regex(say(post('/nowhere')), /^no-route → nobody: No server is at \/nowhere.*\/mcp\/files, \/mcp\/linear/);
  for (const path of [
    '//mcp/linear',
    '/mcp//linear',
    '/\\mcp/linear',
    '/x/../mcp/linear',
    '/%6dcp/%6Cinear',
    '//[/../../mcp/linear',
  ])
    t.is(say(post(path, id('b~x'))), say(post('/mcp/linear', id('b~x'))), path);
  for (const path of ['//', '///', '/\\', '//:99999', '//[']) t.regex(say(post(path)), /^no-route → nobody/, path);
  t.regex(
    say(post('/mcp/linear')),
    /^linear\/decide → nobody: Without a session id it may begin a session: .* the least busy of linear-1, linear-2\. Anything but an initialize/,
  );
  t.regex(say(post('/mcp/linear', id('b~x'))), /^linear\/guarded → linear-2: .*slot b, which is steady.*It is guarded/);
  t.regex(say(post('/mcp/files', id('d~x'))), /^files\/steady → 10\.0\.1\.1:3000: .*not guarded/);
  t.regex(say(post('/mcp/linear', {}, 'GET')), /^linear\/sse → nobody: .*HTTP\+SSE/);
  t.regex(
    say(post('/mcp/linear', { 'mcp-method': 'tools/list', 'mcp-protocol-version': '2026-07-28' })),
    /^linear\/modern → nobody: .*any replica answers its method alike/,
  );
  t.regex(
    say(post('/mcp/linear', { 'mcp-method': 'tools/call', 'mcp-protocol-version': '2026-07-28' })),
    /^linear\/relay → nobody: .*it may belong to one replica/,
  );
  t.regex(
    say(post('/mcp/linear', id('bp~x')), record({ slot: 'b' })),
    /^linear\/relay → linear-2: The session is bound/,
  );
  t.regex(
    say(post('/mcp/linear', id('z~x')), record({ slot: 'b', epoch: 1 })),
    /^linear\/relay → linear-2: .*slot z, an incarnation of a replica that is over.*slot b after 1 move/,
  );
  t.regex(say(post('/mcp/linear', id('z~x')), 'none'), /no record, and its replica is not there: 404/);
  t.regex(say(post('/mcp/linear', id('junk'))), /none that this mesh gives out/);
  t.regex(
    say(post('/mcp/linear', id('a~x')), record({ slot: 'b', epoch: 1 })),
    /^linear\/guarded → linear-1: .*it moved to slot b meanwhile/,
  );
  world.unhealthy.add('linear-1');
  t.regex(
    say(post('/mcp/linear', id('a~x')), record({})),
    /^linear\/guarded → nobody: .*linear-1 is unhealthy.*rebuilt on the least busy of linear-2\.$/,
  );
  await context.drains.start({ kind: 'replica', server: 'linear', replica: 'linear-2' }, 1000, false);
  t.regex(
    say(post('/mcp/linear', id('b~x')), record({ slot: 'b' })),
    /^linear\/guarded → linear-2: .*linear-2 is draining: the session is rebuilt on no replica at all/,
  );
  t.regex(say(post('/mcp/linear', id('b~x')), record({ slot: 'b', isEnded: true })), /ended by DELETE: 404/);
  t.regex(say(post('/health', {}, 'GET')), /^health/);
  t.regex(say(post('/.well-known/oauth-protected-resource/mcp/linear', {}, 'GET')), /^linear\/document/);
});
