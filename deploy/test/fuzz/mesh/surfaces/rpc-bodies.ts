import { MODERN_VERSION } from '../../../clients/modern-request.ts';
import { mutate } from '../../mutate.ts';
import { STATES } from '../fuzz-rig.ts';
import { mutateJson } from '../mutate-json.ts';
import { pick, type Surface } from '../surface.ts';

const message = (method: string, params: unknown, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', ...(id !== undefined && { id }), method, params });
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN_VERSION,
  'io.modelcontextprotocol/clientCapabilities': {
    elicitation: {},
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  },
};

const MESSAGES: readonly string[] = [
  message('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: { elicitation: {}, experimental: { x: { y: 1 } } },
    clientInfo: { name: 'fuzz', version: '1' },
  }),
  message('tools/call', { name: 'echo', arguments: { text: 'MARKER' }, _meta: META }),
  message('tools/call', { name: 'echo', arguments: {}, _meta: { ...META, progressToken: 'MARKER' } }, 'text-id'),
  message('tools/list', { cursor: 'MARKER', _meta: META }),
  message('resources/subscribe', { uri: 'file:///MARKER' }),
  message('resources/read', { uri: 'file:///MARKER', _meta: META }),
  message('logging/setLevel', { level: 'info' }),
  message('tasks/get', { taskId: 'MARKER', _meta: META }),
  message('tasks/cancel', { taskId: 'MARKER', _meta: META }),
  message('subscriptions/listen', { filter: { tools: true }, _meta: META }),
  message('server/discover', { _meta: META }),
  message('completion/complete', { ref: { type: 'ref/prompt', name: 'MARKER' }, argument: { name: 'a', value: 'b' } }),
  message('ping', {}),
  message('notifications/initialized', {}, undefined),
  message('notifications/cancelled', { requestId: 1, reason: 'MARKER' }, undefined),
  message('notifications/progress', { progressToken: 1, progress: 1 }, undefined),
  '{"jsonrpc":"2.0","id":"holdfast:1:7","result":{"action":"accept","content":{"a":"MARKER"}}}',
  '{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"MARKER"}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"result":{}}]',
];
const METHODS = ['tools/call', 'tools/list', 'initialize', 'subscriptions/listen', 'server/discover', 'tasks/get', 'x'];

/** JSON-RPC bodies in every state of a session, through a gateway; one in eight straight to the relay, as Envoy would send it. */
export const rpcBodies: Surface = {
  name: 'rpc-bodies',
  share: 50,
  seeds: MESSAGES.map((text) => Buffer.from(text)),
  async execute(input, { rig, worker, random }) {
    const way = await rig.way(worker, pick(STATES, random), random);
    const text = input.toString('latin1').replaceAll('MARKER', rig.marker);
    const body =
      random() < 0.5 ? Buffer.from(mutateJson(text, random), 'latin1') : mutate(Buffer.from(text, 'latin1'), random);
    const isModern = way.server === 'modern' || way.server === 'opencache';
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': body.length,
      cookie: `session=${rig.marker}`,
      ...(isModern && { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': pick(METHODS, random) }),
      ...way.headers,
    };
    const isDirect = random() < 0.125;
    const { ['mcp-session-id']: session, ...others } = headers as Record<string, string | number>;
    const relay = rig.mesh.mesh.gateways[way.gateway]?.sidecars[0]?.relay;
    const answer = isDirect
      ? await rig.client(worker).send(`http://${relay}/mcp${way.suffix}`, {
          method: 'POST',
          body,
          headers: {
            ...others,
            'x-holdfast-server': way.server,
            ...(session !== undefined && { 'x-holdfast-session': session }),
          },
        })
      : await rig
          .client(worker)
          .send(`${rig.mesh.url(way.server, way.gateway)}${way.suffix}`, { method: 'POST', body, headers });
    return typeof answer === 'string' ? `${way.server}${isDirect ? ' (relay)' : ''}: ${answer}` : null;
  },
};
