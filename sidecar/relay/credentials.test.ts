import test, { type ExecutionContext } from 'ava';
import { sessionDigest } from '../../proto/session-record.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet } from './testing/fake-fleet.ts';
import type { FakeReplica } from './testing/fake-replica.ts';

type Headers = Record<string, string>;

/** Two replicas and a session that began with these headers. Restarted, both have forgotten it. */
async function setup(t: ExecutionContext, begunWith: Headers, policy: Record<string, unknown> = {}) {
  const { replicas, gateway } = await fakeFleet(t, policy);
  const rig = await gateway();
  const post = (message: object, headers: Headers = {}) =>
    rig.post(JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }), headers);
  const session = await beginSession(rig, begunWith);
  const digest = sessionDigest(session);
  return {
    session,
    replicas,
    forget: () => {
      for (const { sessions } of replicas) sessions.clear();
    },
    begun: () =>
      replicas.reduce((sum, { seen }) => sum + seen.filter(({ message }) => message.method === 'initialize').length, 0),
    status: async (headers: Headers): Promise<number> => {
      const answer = await post({ method: 'tools/list' }, { 'x-holdfast-session': session, ...headers });
      await answer.text();
      return answer.status;
    },
    accepted: async (): Promise<string | null | undefined> => {
      const found = await rig.directory.find('linear', digest);
      return found.kind === 'live' ? found.record.credentials : undefined;
    },
  };
}
const jwt = (sub: string, exp: number) =>
  `Bearer ${[{ alg: 'none' }, { iss: 'i', sub, exp }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2ln`;

const KINDS: Record<string, [owner: Headers, ...strangers: Headers[]]> = {
  'an opaque token': [{ authorization: 'Bearer a' }, { authorization: 'Bearer b' }, {}, { authorization: 'Basic a' }],
  'an API key': [{ 'x-api-key': 'a' }, { 'x-api-key': 'b' }, {}, { 'api-key': 'a' }],
  'a cookie': [{ cookie: 'sid=a' }, { cookie: 'sid=b' }, {}, { cookie: 'sid=a; x=y' }],
  'a token and a key': [
    { authorization: 'Bearer a', 'x-api-key': 'k' },
    { authorization: 'Bearer a' },
    { 'x-api-key': 'k' },
    { authorization: 'Bearer a', 'x-api-key': 'other' },
  ],
  nothing: [{}, { authorization: 'Bearer b' }, { cookie: 'a=b' }],
};
for (const [kind, [owner, ...strangers]] of Object.entries(KINDS))
  test(`a lost session that began with ${kind} is rebuilt for the same alone; to others it is unknown, and stays its owner’s`, async (t) => {
    const { forget, status, begun } = await setup(t, owner);
    forget();
    for (const stranger of strangers) t.is(await status(stranger), 404, JSON.stringify(stranger));
    t.is(begun(), 1, 'nothing was begun with a stranger’s credentials');
    t.is(await status(owner), 200);
    t.is(begun(), 2);
  });

test('strangers and the owner at once: the owner’s request is never refused for a stranger’s sake', async (t) => {
  const owner = { authorization: 'Bearer a' },
    { forget, status } = await setup(t, owner);
  for (let round = 0; round < 5; round++) {
    forget();
    const answers = await Promise.all(
      [{ authorization: 'Bearer b' }, owner, {}, owner].map(async (headers, index) => [index, await status(headers)]),
    );
    t.is(answers[1]?.[1], 200);
    t.is(answers[3]?.[1], 200);
  }
});

test('a token that the replica accepted meanwhile takes the place of the one before', async (t) => {
  const { forget, status, accepted } = await setup(t, { authorization: 'Bearer a' }),
    before = await accepted();
  t.is(await status({ authorization: 'Bearer refreshed' }), 200);
  await waitFor(async () => (await accepted()) !== before, { what: 'the refreshed token is noted' });
  forget();
  t.is(await status({ authorization: 'Bearer a' }), 404);
  t.is(await status({ authorization: 'Bearer refreshed' }), 200);
});

test('what the replica refuses, and a request without credentials, change nothing', async (t) => {
  const owner = { authorization: 'Bearer a' },
    { forget, status, accepted, replicas } = await setup(t, owner),
    before = await accepted();
  const refuse: FakeReplica['answer'] = ({ response }) => {
    response.writeHead(401).end('{}');
    return true;
  };
  const answers = replicas.map(({ answer }) => answer);
  for (const replica of replicas) replica.answer = refuse;
  t.is(await status({ authorization: 'Bearer b' }), 401);
  replicas.forEach((replica, index) => {
    replica.answer = answers[index] as FakeReplica['answer'];
  });
  t.is(await status({}), 200, 'a replica that lets it pass');
  t.is(await accepted(), before);
  forget();
  t.is(await status({ authorization: 'Bearer b' }), 404);
  t.is(await status(owner), 200);
});

test('a JWT counts by its subject: refreshed while the replica is gone it still brings the session back', async (t) => {
  const { forget, status } = await setup(t, { authorization: jwt('ann', 1) });
  forget();
  t.is(await status({ authorization: jwt('eve', 1) }), 404);
  t.is(await status({ authorization: jwt('ann', 2), 'x-api-key': 'k' }), 404);
  t.is(await status({ authorization: jwt('ann', 2) }), 200);
});

test('a session of another principal is unknown', async (t) => {
  const { status, session } = await setup(t, { authorization: jwt('ann', 1) });
  t.regex(session, /^[12]p~/);
  t.is(await status({ authorization: jwt('ann', 2) }), 200);
  t.is(await status({ authorization: jwt('bob', 1) }), 404);
  t.is(await status({}), 404);
});
