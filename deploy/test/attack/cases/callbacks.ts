import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type ServerName } from '../attack-mesh.ts';
import type { Behaviour } from '../raw-replica.ts';

const raw =
  (head: string, body: string, methods = ['tools/call']): Behaviour =>
  ({ message }, response) => {
    if (!methods.includes(message?.method ?? '')) return false;
    const text = body.replaceAll('ID', JSON.stringify(message?.id));
    response.socket?.end(
      `HTTP/1.1 ${head}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    );
    return true;
  };
const jsonHead = '200 OK\r\ncontent-type: application/json';
const sseHead = '200 OK\r\ncontent-type: text/event-stream';

/** Answers that are well-formed HTTP and whose content trips whoever walks it. */
const ANSWERS: Record<string, Behaviour> = {
  nan: raw(jsonHead, '{"jsonrpc":"2.0","id":ID,"result":{"x":NaN}}'),
  infinity: raw(jsonHead, '{"jsonrpc":"2.0","id":ID,"result":{"x":-Infinity}}'),
  'single-quotes': raw(jsonHead, "{'jsonrpc':'2.0','id':ID,'result':{}}"),
  'deep-result': raw(jsonHead, `{"jsonrpc":"2.0","id":ID,"result":${'['.repeat(20_000)}${']'.repeat(20_000)}}`),
  'deep-event': raw(
    sseHead,
    `data: {"jsonrpc":"2.0","id":ID,"result":${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}}\n\n`,
  ),
  'nan-event': raw(sseHead, 'data: {"jsonrpc":"2.0","id":ID,"result":{"x":NaN}}\n\n'),
  'null-result': raw(jsonHead, '{"jsonrpc":"2.0","id":ID,"result":null}'),
  'array-answer': raw(jsonHead, '[null]'),
  'text-answer': raw(jsonHead, '"x"'),
  'tools-not-a-list': raw(jsonHead, '{"jsonrpc":"2.0","id":ID,"result":{"tools":7}}', ['tools/list', 'tools/call']),
  'tools-of-null': raw(jsonHead, '{"jsonrpc":"2.0","id":ID,"result":{"tools":[null,1,{"name":{}}]}}', ['tools/list']),
  'initialize-null': raw(`${jsonHead}\r\nmcp-session-id: a1`, '{"jsonrpc":"2.0","id":ID,"result":null}', [
    'initialize',
  ]),
  'initialize-nan': raw(
    `${jsonHead}\r\nmcp-session-id: a2`,
    '{"jsonrpc":"2.0","id":ID,"result":{"capabilities":NaN}}',
    ['initialize'],
  ),
  'initialize-deep': raw(
    `${jsonHead}\r\nmcp-session-id: a3`,
    `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-06-18","capabilities":${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}}}`,
    ['initialize'],
  ),
  'session-id-latin1': raw(`${jsonHead}\r\nmcp-session-id: é`, '{"jsonrpc":"2.0","id":ID,"result":{}}', ['initialize']),
};
const WAYS: readonly ServerName[] = ['moving', 'off', 'streams', 'jwt', 'modern'];

export const callbacks: AttackCase[] = casesOf(
  'callbacks',
  { finding: '18', goal: 'an answer at once on every way, and the next good call is served' },
  ANSWERS,
  async (mesh, behave) => {
    const problems: string[] = [];
    for (const server of WAYS) {
      const token = server === 'jwt' ? { token: mesh.issuer.valid('mallory') } : {};
      const modern = server === 'modern';
      const options = {
        ...token,
        ...(modern
          ? { headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' } }
          : {}),
      };
      const session = modern ? undefined : await mesh.session(server, token);
      const all = { ...options, ...(session !== undefined && { session }) };
      for (const replica of mesh.replicas[server])
        replica.behave = (seen, response) => seen.headers['x-attack'] === '1' && behave(seen, response);
      const headers = { ...all.headers, 'x-attack': '1' };
      const requests = [
        mesh.rpc(server, callOf('echo'), { ...all, headers, timeoutMs: 5000 }),
        mesh.rpc(
          server,
          { jsonrpc: '2.0', id: 5, method: 'tools/list', params: {} },
          { ...all, headers: { ...headers, ...(modern && { 'mcp-method': 'tools/list' }) }, timeoutMs: 5000 },
        ),
        ...(modern ? [] : [mesh.rpc(server, INITIALIZE, { ...token, headers: { 'x-attack': '1' }, timeoutMs: 5000 })]),
      ];
      for (const answer of await Promise.all(requests)) if (answer.isTimeout) problems.push(`${server}: no answer`);
      for (const replica of mesh.replicas[server]) replica.behave = undefined;
      const good = await mesh.rpc(server, callOf('echo'), all);
      if (good.status !== 200) problems.push(`${server}: a good call ${good.status}`);
      mesh.reset(server);
    }
    return judge({ 'answered and served': problems.length === 0 }, problems.join(', '));
  },
);
