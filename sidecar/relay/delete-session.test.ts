import test, { type ExecutionContext } from 'ava';
import { sessionDigest } from '../../proto/session-record.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet } from './testing/fake-fleet.ts';

type Headers = Record<string, string>;
const OWNER: Headers = { authorization: 'Bearer a' },
  STRANGERS: Headers[] = [{}, { authorization: 'Bearer b' }, { ...OWNER, cookie: 'a=b' }];

/** Two replicas, and a session that its owner began. `isCut` keeps its gateway from the store. */
async function setup(t: ExecutionContext) {
  const { fleet, replicas, gateway } = await fakeFleet(t);
  const partition = { isCut: false };
  const rig = await gateway('g1', partition);
  const session = await beginSession(rig, OWNER);
  return {
    fleet,
    replicas,
    partition,
    session,
    end: async (headers: Headers, id = session): Promise<number> => {
      const answer = await fetch(rig.url, {
        method: 'DELETE',
        headers: { ...rig.headers, 'x-holdfast-session': id, ...headers },
      });
      await answer.text();
      return answer.status;
    },
    answerWith: (status: number) => {
      for (const replica of replicas)
        replica.answer = ({ method, response }) => {
          if (method !== 'DELETE') return false;
          if (status === 0) response.destroy();
          else response.writeHead(status).end('{}');
          return true;
        };
    },
    fate: async (id = session) => (await rig.directory.find('linear', sessionDigest(id))).kind,
    keys: () => fleet.backing.entries.size,
  };
}

for (const status of [400, 401, 403, 405, 429])
  test(`a replica that answers DELETE with ${status} is passed on, and the session stays, its owner’s as well`, async (t) => {
    const { end, answerWith, fate } = await setup(t);
    answerWith(status);
    for (const headers of [OWNER, ...STRANGERS]) t.is(await end(headers), status);
    t.is(await fate(), 'live');
  });

for (const status of [404, 500, 503, 0])
  test(`a replica that answers DELETE with ${status === 0 ? 'a broken connection' : status}: only who may rebuild the session ends it`, async (t) => {
    const { end, answerWith, fate } = await setup(t);
    answerWith(status);
    for (const headers of STRANGERS) t.is(await end(headers), 404);
    t.is(await fate(), 'live');
    t.is(await end(OWNER), 200);
    t.is(await fate(), 'ended');
    t.is(await end(OWNER), 404);
  });

test('with its replica gone for good, only who may rebuild the session ends it', async (t) => {
  const { end, fleet, fate } = await setup(t);
  fleet.replicas.length = 0;
  for (const headers of STRANGERS) t.is(await end(headers), 404);
  t.is(await fate(), 'live');
  t.is(await end(OWNER), 200);
  t.is(await fate(), 'ended');
});

test('a replica that agrees ends the session, and is asked once', async (t) => {
  const { end, fate, replicas } = await setup(t);
  t.is(await end(OWNER), 200);
  t.is(await fate(), 'ended');
  t.is(replicas.flatMap(({ seen }) => seen).filter(({ method }) => method === 'DELETE').length, 1);
});

test('an id that nobody knows is 404, and leaves nothing in the store, whatever the replica says', async (t) => {
  const { end, answerWith, session, keys } = await setup(t),
    before = keys(),
    made = [session.replace(/~.*/, '~made-up'), session.replace(/~.*/, 'p~made-up'), 'zz~made-up'];
  for (const id of made) t.is(await end({}, id), 404, id);
  answerWith(204);
  for (const id of made) await end({}, id);
  t.is(keys(), before);
});

test('with the store away its own gateway still ends a session; the store learns of it', async (t) => {
  const { end, fate, partition, fleet, session } = await setup(t);
  partition.isCut = true;
  t.is(await end(OWNER), 200);
  t.is(await fate(), 'ended');
  partition.isCut = false;
  const other = await fleet.gateway('g2');
  t.teardown(() => other.close());
  const isEnded = async (): Promise<boolean> =>
    (await other.directory.find('linear', sessionDigest(session))).kind === 'ended';
  await waitFor(isEnded, { what: 'the other gateway knows of the end' });
  t.pass();
});
