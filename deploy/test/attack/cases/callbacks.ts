import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type ServerName } from '../attack-mesh.ts';
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
  'event-id-with-null': raw(sseHead, 'id: a\0b\ndata: {"jsonrpc":"2.0","id":ID,"result":{}}\n\n'),
  'endless-line': raw(sseHead, `data: ${'x'.repeat(5 << 20)}`),
  'length-of-another': raw(`${jsonHead}\r\ncontent-encoding: gzip`, '{"jsonrpc":"2.0","id":ID,"result":{}}'),
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
  'initialize-of-megabytes': raw(
    `${jsonHead}\r\nmcp-session-id: a4`,
    `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"${'9'.repeat(1 << 20)}","capabilities":{"x":"${'y'.repeat(3 << 20)}"}}}`,
    ['initialize'],
  ),
  'session-id-of-50-kilobytes': raw(
    `${jsonHead}\r\nmcp-session-id: ${'a'.repeat(50_000)}`,
    '{"jsonrpc":"2.0","id":ID,"result":{}}',
    ['initialize'],
  ),
  'answer-of-another-id': raw(jsonHead, '{"jsonrpc":"2.0","id":"somebody","result":{}}'),
  'event-id-of-50-kilobytes': raw(
    sseHead,
    `id: ${'i'.repeat(50_000)}\ndata: {"jsonrpc":"2.0","id":ID,"result":{}}\n\n`,
  ),
  'retry-beyond-numbers': raw(sseHead, `retry: ${'9'.repeat(400)}\ndata: {"jsonrpc":"2.0","id":ID,"result":{}}\n\n`),
  'session-id-latin1': raw(`${jsonHead}\r\nmcp-session-id: é`, '{"jsonrpc":"2.0","id":ID,"result":{}}', ['initialize']),
};
const WAYS: readonly ServerName[] = ['moving', 'off', 'streams', 'jwt', 'modern'];

/** Sends a call, a list and an initialize that are answered so, then a good call; what was wrong. */
async function answerSo(mesh: AttackMesh, server: ServerName, behave: Behaviour): Promise<string[]> {
  const token = server === 'jwt' ? { token: mesh.issuer.valid('mallory') } : {};
  const isModern = server === 'modern';
  const headersOf = (method: string, name?: string): Record<string, string> =>
    isModern
      ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name !== undefined && { 'mcp-name': name }) }
      : {};
  const session = isModern ? {} : { session: await mesh.session(server, token) };
  for (const replica of mesh.replicas[server])
    replica.behave = (seen, response) => seen.headers['x-attack'] === '1' && behave(seen, response);
  const send = (message: object, headers: Record<string, string>, isInSession = true) =>
    mesh.rpc(server, message, {
      ...token,
      ...(isInSession && session),
      headers: { ...headers, 'x-attack': '1' },
      timeoutMs: 5000,
    });
  const answers = await Promise.all([
    send(callOf('echo'), headersOf('tools/call', 'echo')),
    send({ jsonrpc: '2.0', id: 5, method: 'tools/list', params: {} }, headersOf('tools/list')),
    ...(isModern ? [] : [send(INITIALIZE, {}, false)]),
  ]);
  for (const replica of mesh.replicas[server]) replica.behave = undefined;
  const good = await mesh.rpc(server, callOf('echo'), {
    ...token,
    ...session,
    headers: headersOf('tools/call', 'echo'),
  });
  return [
    ...answers.filter(({ isTimeout }) => isTimeout).map(() => `${server}: no answer`),
    ...(good.status === 200 ? [] : [`${server}: a good call ${good.status}`]),
  ];
}

export const callbacks: AttackCase[] = casesOf(
  'callbacks',
  { finding: '18', goal: 'an answer at once on every way, and the next good call is served' },
  ANSWERS,
  async (mesh, behave) => {
    const problems: string[] = [];
    for (const server of WAYS) problems.push(...(await answerSo(mesh, server, behave)));
    return judge({ 'answered and served': problems.length === 0 }, problems.join(', '));
  },
);
