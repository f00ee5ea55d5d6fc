import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import type { AttackMesh, SendOptions, ServerName } from '../attack-mesh.ts';
import { json } from '../../servers/kit/http-answer.ts';
import type { RawReplica } from '../raw-replica.ts';

const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } };
const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };

/** Lists that say they are public, with where they were asked for; 401 for every token but `good` where one is asked for. */
function cacheable(replica: RawReplica, isPrivate: boolean): void {
  replica.behave = ({ url, headers, message }, response) => {
    if (message?.method !== 'tools/list') return false;
    if (isPrivate && !/^Bearer (good|eyJ)/.test(headers.authorization ?? '')) {
      json(response, 401, { error: 'invalid_token' });
      return true;
    }
    const said = `at ${url} host ${headers.host}`;
    const tools = [{ name: 'tool', description: said, inputSchema: { type: 'object' } }];
    json(response, 200, {
      jsonrpc: '2.0',
      id: message.id,
      result: { resultType: 'complete', cacheScope: 'public', ttlMs: 60_000, tools },
    });
    return true;
  };
}
const ask = (mesh: AttackMesh, server: ServerName, options: SendOptions) =>
  mesh.rpc(server, LIST, { ...options, headers: { ...modern, ...options.headers } });

const garbage = casesOf(
  'shared-cache',
  { finding: '16', goal: 'never answered from the cache with a token that nobody accepted' },
  {
    'garbage-token': { headers: { authorization: 'Bearer garbage' } },
    'short-token': { headers: { authorization: 'Bearer x' } },
    'other-scheme': { headers: { authorization: 'Basic eHg6eA==' } },
    'no-token': {},
    'key-instead': { headers: { 'x-api-key': 'good' } },
    'cookie-instead': { headers: { cookie: 'authorization=Bearer good' } },
  } as Record<string, SendOptions>,
  async (mesh, options) => {
    for (const replica of mesh.replicas.opencache) cacheable(replica, true);
    const suffix = `?g=${Object.keys(options.headers ?? {}).length}${JSON.stringify(options).length}`;
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++)
      statuses.push((await ask(mesh, 'opencache', { suffix, headers: { authorization: 'Bearer good' } })).status);
    const stranger = await ask(mesh, 'opencache', { ...options, suffix });
    const asked = mesh.count('opencache', 'tools/list');
    mesh.reset('opencache');
    return judge(
      {
        'the good token is answered': statuses.every((status) => status === 200),
        'the other is not': stranger.status === 401,
      },
      `good ${statuses.join(', ')}, stranger ${stranger.status}, replica asked ${asked} times`,
    );
  },
);

const poison = casesOf(
  'shared-cache',
  { finding: '16', goal: 'what was asked for at another path, query or host is not served here' },
  {
    query: { suffix: '?tenant=evil' },
    'sub-path': { suffix: '/other' },
    host: { headers: { host: 'evil.example' } },
    'encoded-query': { suffix: '?a=%3Ftenant%3Devil' },
  } as Record<string, SendOptions>,
  async (mesh, options) => {
    for (const replica of mesh.replicas.opencache) cacheable(replica, false);
    await ask(mesh, 'opencache', options);
    const after = await ask(mesh, 'opencache', {});
    mesh.reset('opencache');
    const isPoisoned = /evil|other/.test(after.body);
    return judge(
      { 'not served here': after.status === 200 && !isPoisoned },
      `${after.status} ${/at [^"]*/.exec(after.body)?.[0] ?? ''}`,
    );
  },
);
export const sharedCache: AttackCase[] = [...garbage, ...poison];
