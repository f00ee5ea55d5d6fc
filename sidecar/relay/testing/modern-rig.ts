import type { ExecutionContext } from 'ava';
import { fakeFleet } from './fake-fleet.ts';
import { event, json, sse, type FakeReplica, type FakeRequest } from './fake-replica.ts';
import type { RelayRig } from './relay-rig.ts';

const VERSION = '2026-07-28';
const NAMES: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

export interface Said {
  status: number;
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** A POST of 2026-07-28 as it is on the wire; `headers` replaces single ones. */
export function modernPost(
  method: string,
  params: Record<string, unknown> = {},
  headers: Record<string, string> = {},
  id: string | number = 1,
): { headers: Record<string, string>; body: string } {
  const name = params[NAMES[method] ?? ''];
  return {
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method,
      params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': VERSION } },
    }),
  };
}

/**
 * Two replicas and two gateways. The replicas hold tasks, states and handles of their own, as `create`, `ask` and `open` give them, and refuse those of others.
 */
export async function modernRig(t: ExecutionContext, policy: Record<string, unknown> = {}, { isShared = true } = {}) {
  const { fleet, replicas } = await fakeFleet(t, policy);
  if (!isShared) fleet.affinity = null;
  const gateways = [await fleet.gateway('gateway-1'), await fleet.gateway('gateway-2')];
  t.teardown(() => Promise.all(gateways.map((gateway) => gateway.close())));
  for (const replica of replicas) replica.answer = holder();
  const post = async (
    method: string,
    params?: Record<string, unknown>,
    headers?: Record<string, string>,
    gateway: RelayRig = gateways[0]!,
  ): Promise<Said> => {
    const { headers: sent, body } = modernPost(method, params, headers),
      answer = await fetch(gateway.url, { method: 'POST', headers: { ...gateway.headers, ...sent }, body });
    return { status: answer.status, ...((await answer.json()) as object) };
  };
  return {
    replicas,
    fleet,
    gateways,
    post,
    call: (
      name: string,
      args: Record<string, unknown> = {},
      more: Record<string, unknown> = {},
      gateway = gateways[0]!,
    ) => post('tools/call', { name, arguments: args, ...more }, {}, gateway),
  };
}

/** Calls of a method that a replica saw. */
export const callsAt = (replica: FakeReplica, method: string): FakeRequest[] =>
  replica.seen.filter(({ message }) => message.method === method);

function holder(): (request: FakeRequest) => boolean {
  const held = new Set<string>();
  let made = 0;
  const give = (): string => {
    const one = `held-${Math.random()}-${++made}`;
    held.add(one);
    return one;
  };
  return ({ message: { id, method, params = {} }, response }) => {
    const result = (value: Record<string, unknown>): true => {
      json(response, { jsonrpc: '2.0', id, result: { resultType: 'complete', ...value } });
      return true;
    };
    const invalid = (what: string): true => {
      if (params.name === 'on-stream')
        sse(response, `: one moment\n\n${event({ jsonrpc: '2.0', id, error: { code: -32602, message: what } })}`);
      else json(response, { jsonrpc: '2.0', id, error: { code: -32602, message: what } });
      return true;
    };
    if (method?.startsWith('tasks/'))
      return held.has(String(params.taskId))
        ? result({ taskId: params.taskId, status: 'working' })
        : invalid('Unknown task');
    if (method !== 'tools/call') return false;
    if (params.requestState !== undefined)
      return held.has(String(params.requestState))
        ? result({ content: 'state ok' })
        : invalid('Invalid or expired requestState');
    const { handle } = (params.arguments ?? {}) as { handle?: string };
    switch (params.name) {
      case 'create':
        return result({ resultType: 'task', taskId: give(), status: 'working' });
      case 'ask':
        return result({ resultType: 'input_required', requestState: give() });
      case 'ask-on-stream':
        sse(response, event({ jsonrpc: '2.0', id, result: { resultType: 'input_required', requestState: give() } }));
        response.end();
        return true;
      case 'open':
        return result({ structuredContent: { 'the/handle': give() } });
      case 'use':
        return held.has(handle ?? '')
          ? result({ content: 'handle ok' })
          : result({ content: 'no such handle', isError: true });
      default:
        return result({ content: 'plain' });
    }
  };
}
