import test, { type ExecutionContext } from 'ava';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { HEADER } from '../../proto/wire.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet, onSession } from './testing/fake-fleet.ts';

interface Answer {
  id: unknown;
  error: { code: number; message: string; data?: Record<string, unknown> };
}

/** A relay, and what Envoy says of a session's requests beyond `rateLimit`. */
async function setup(t: ExecutionContext) {
  const { replicas, gateway } = await fakeFleet(t, {}, ['a']);
  const rig = await gateway();
  const session = await beginSession(rig),
    limited = { [HEADER.rateLimited]: '1' },
    seen: string[] = [];
  for (const replica of replicas)
    replica.answer = ({ message }) => {
      seen.push(message.method ?? 'response');
      return false;
    };
  return {
    ...{ rig, seen, limited, headers: { ...onSession(session), ...limited } },
    refused: () => rig.metric('holdfast_limit_refusals_total'),
  };
}
const call = (id: number | string, text = '') =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x', arguments: { text } } });
const ERROR = {
  code: RPC_ERROR.overload,
  message: 'Rate limit reached (limit: servers[linear].rateLimit)',
  data: { outcome: 'not_sent', retrySafe: true, server: 'linear', attempts: 0, limit: 'request_rate' },
};

test('a request of a session beyond rateLimit gets the error with its id under 200, and no replica hears of it', async (t) => {
  const { rig, seen, headers, refused } = await setup(t);
  const answer = async (body: string) => {
    const response = await rig.post(body, headers);
    return { status: response.status, body: (await response.json()) as Answer | Answer[] };
  };
  t.deepEqual(await answer(call(7)), { status: 200, body: { jsonrpc: '2.0', id: 7, error: ERROR } as Answer });
  t.like(await answer(`[${call('a')},${call('b')}]`), { status: 200, body: [{ id: 'a' }, { id: 'b' }] });
  // Official clients write the id at the beginning or the end; of a body in pieces the same is found.
  const last = `{"method":"tools/call","params":{"t":"${'x'.repeat(40_000)}"},"jsonrpc":"2.0","id":9}`;
  t.like(await answer(last), { status: 200, body: { id: 9, error: { code: RPC_ERROR.overload } } });
  t.deepEqual(seen, []);
  t.is(await refused(), 3);
  await waitFor(() => rig.outcomes.length >= 4, { what: 'the outcomes' });
  t.deepEqual(
    rig.outcomes.slice(1).map(({ kind, slot }) => [kind, slot]),
    Array.from({ length: 3 }, () => ['client_fault', null]),
  );
});

test('what is large, unreadable, no POST, or of no session gets 503', async (t) => {
  const { rig, seen, headers, limited, refused } = await setup(t);
  const large = await rig.post(call(1, 'x'.repeat(200_000)), headers);
  t.deepEqual([large.status, ((await large.json()) as Answer).id], [503, null]);
  t.is((await rig.post('{"jsonrpc":', headers)).status, 503);
  const alone = await rig.post(call(2), limited);
  t.deepEqual([alone.status, ((await alone.json()) as Answer).id], [503, 2]);
  for (const method of ['GET', 'DELETE']) {
    const response = await fetch(rig.url, { method, headers: { ...rig.headers, ...headers } });
    t.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    t.regex(await response.text(), /servers\[linear\]\.rateLimit/);
  }
  t.is(await refused(), 5);
  t.deepEqual(seen, []);
});

test('what asks nothing passes: it ends calls', async (t) => {
  const { rig, seen, headers, refused } = await setup(t);
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
  await (await rig.post(JSON.stringify(cancel), headers)).text();
  t.deepEqual(seen, ['notifications/cancelled']);
  t.is(await refused(), 0);
});
