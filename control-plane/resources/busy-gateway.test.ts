import { connect } from 'node:http2';
import { createServer } from 'node:net';
import test from 'ava';
import { http2Post } from '../../deploy/test/clients/http2-post.ts';
import { listenOn } from '../../deploy/test/mesh/listen-on.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { gateway } from './testing/test-gateway.ts';

const CALL = '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"pay"}}';
const CALLS = 100;

test('one request of a connection has its turn at a time, and one that waits too long is told so by its limit', async (t) => {
  const { port, envoy } = await gateway(t, '', {}, 'gateway: {http2: true, limits: {requestMs: 1}}\n');
  const client = connect(`http://127.0.0.1:${port}`);
  t.teardown(() => client.destroy());
  const ask = async (): Promise<{ status: number; error?: { code: number; message: string } }> => {
    const answer = await http2Post(client, '/mcp/linear', { 'mcp-session-id': '1~abc' }, CALL);
    if (answer === null) throw new Error('a call had no answer');
    return { status: answer.status, ...parseJsonObject(answer.body) };
  };
  const answers = await Promise.all(Array.from({ length: CALLS }, ask));
  const late = answers.filter(({ error }) => error?.code === RPC_ERROR.overload);
  t.true(late.length > 0, JSON.stringify(answers.at(-1)));
  for (const { status, error } of late) {
    t.is(status, 503);
    t.regex(error?.message ?? '', /too busy .* \(limit: gateway\.limits\.requestMs\)/);
  }
  t.deepEqual(
    answers.filter(({ error }) => /can not decide/.test(error?.message ?? '')),
    [],
  );
  const { 'http.mcp.downstream_rq_timeout': timeouts = 0 } = await envoy.stats('downstream_rq_timeout');
  t.true(timeouts >= late.length);
});

test('a sidecar that hangs is no busy gateway: its session’s call is told that nobody decides', async (t) => {
  const mute = createServer((socket) => socket.on('error', () => undefined).resume());
  t.teardown(() => void mute.close());
  const sidecar = `127.0.0.1:${await listenOn(mute, 0)}`;
  const { send, one, two } = await gateway(t, 'guard: off,', {}, '', { sidecar });
  await Promise.all([one.stop(), two.stop()]);
  const { status, body } = await send({ 'mcp-session-id': '9~gone' });
  t.is(status, 503);
  t.is(body.error?.message, 'The gateway can not decide on the request now');
  t.is(body.error?.code, RPC_ERROR.noReplica);
});
