import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, type ServerName } from '../attack-mesh.ts';
import type { Behaviour } from '../raw-replica.ts';
import { json } from '../../servers/kit/http-answer.ts';

const failure =
  (status: number, text: string): Behaviour =>
  ({ method, message }, response) => {
    if (method !== 'POST' || message?.method !== 'tools/call') return false;
    json(response, status, { jsonrpc: '2.0', id: message.id ?? null, error: { code: -32000, message: text } });
    return true;
  };
/** As official servers do: a version that they don't know comes back in the error's text. */
const echoVersion: Behaviour = ({ headers, message }, response) => {
  if (message?.method !== 'tools/call') return false;
  const text = `Bad Request: Unsupported protocol version: ${headers['mcp-protocol-version']}`;
  json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: text } });
  return true;
};

const INPUTS: Record<
  string,
  { server: ServerName; behave: Behaviour; headers: Record<string, string>; finding: '12' | 'B11' }
> = {
  'session-in-version': {
    server: 'moving',
    behave: echoVersion,
    headers: { 'mcp-protocol-version': 'session' },
    finding: '12',
  },
  'session-in-version-guard-off': {
    server: 'off',
    behave: echoVersion,
    headers: { 'mcp-protocol-version': 'session' },
    finding: '12',
  },
  'session-in-name': {
    server: 'moving',
    behave: failure(400, 'session'),
    headers: { 'x-note': 'session' },
    finding: '12',
  },
  'call-answered-404': { server: 'moving', behave: failure(404, 'not found'), headers: {}, finding: 'B11' },
  'call-answered-404-guard-off': { server: 'off', behave: failure(404, 'not found'), headers: {}, finding: 'B11' },
  'call-answered-410': { server: 'moving', behave: failure(410, 'gone'), headers: {}, finding: 'B11' },
};

/** Requests that one call may cost at the replicas: itself, a ping, an initialize with its notification, and once more. */
const MOST_REQUESTS = 12;
const MOST_INITIALIZES = 2;

export const amplification: AttackCase[] = Object.entries(INPUTS).flatMap(([name, input]) =>
  casesOf(
    'amplification',
    { finding: input.finding, goal: `at most ${MOST_REQUESTS} requests upstream, ${MOST_INITIALIZES} initializes` },
    { [name]: input },
    async (mesh, { server, behave, headers }) => {
      const session = await mesh.session(server);
      for (let index = 0; index < 100; index++)
        await mesh.rpc(
          server,
          { jsonrpc: '2.0', id: index, method: 'resources/subscribe', params: { uri: `a:${index}` } },
          { session },
        );
      // Nothing but this call: honest clients are not on these servers, or on another session.
      for (const replica of mesh.replicas[server]) {
        replica.reset();
        replica.behave = (seen, response) => seen.headers['x-attack'] === '1' && behave(seen, response);
      }
      const answer = await mesh.rpc(server, callOf('session'), { session, headers: { ...headers, 'x-attack': '1' } });
      const initializes = mesh.count(server, 'initialize');
      const subscribes = mesh.count(server, 'resources/subscribe');
      const calls = mesh.replicas[server].reduce(
        (sum, { seen }) => sum + seen.filter((one) => one.headers['x-attack'] === '1').length,
        0,
      );
      mesh.reset(server);
      const most = server === 'off' ? initializes : initializes + subscribes + calls;
      return judge(
        {
          'few requests':
            calls <= MOST_REQUESTS &&
            subscribes <= 100 * MOST_INITIALIZES &&
            most <= 100 * MOST_INITIALIZES + MOST_REQUESTS,
          'few initializes': initializes <= MOST_INITIALIZES,
          'an answer below 500, or one that says what happened': answer.status !== 0,
        },
        `${answer.status}; upstream: ${calls} calls, ${initializes} initializes, ${subscribes} subscriptions`,
      );
    },
  ),
);
