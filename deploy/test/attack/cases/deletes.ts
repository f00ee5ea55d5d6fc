import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, type AttackMesh, type SendOptions } from '../attack-mesh.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { json } from '../../servers/kit/http-answer.ts';

/** Alice's session on a server whose replica verifies tokens itself; a stranger deletes. */
const STRANGERS: Record<string, (mesh: AttackMesh) => { alice: SendOptions; mallory: SendOptions }> = {
  'forged-principal': ({ issuer }) => ({
    alice: { token: issuer.valid('alice') },
    mallory: { token: issuer.forged('alice') },
  }),
  'opaque-other': () => ({ alice: { token: 'alice' }, mallory: { token: 'mallory' } }),
  'opaque-none': () => ({ alice: { token: 'alice' }, mallory: {} }),
  'other-principal': ({ issuer }) => ({
    alice: { token: issuer.valid('alice') },
    mallory: { token: issuer.valid('mallory') },
  }),
};

const refusedByReplica = casesOf(
  'deletes',
  { finding: '11', goal: 'the replica’s refusal is passed on, the session lives and can be rebuilt' },
  STRANGERS,
  async (mesh, credentials) => {
    const { alice, mallory } = credentials(mesh);
    const hers = `Bearer ${alice.token}`;
    for (const replica of mesh.replicas.moving) {
      replica.behave = ({ method, headers }, response) => {
        if (method !== 'DELETE' || headers.authorization === hers) return false;
        json(response, 401, { error: 'invalid_token' });
        return true;
      };
    }
    const session = await mesh.session('moving', alice);
    const statuses: number[] = [];
    for (const gateway of [0, 1])
      statuses.push((await mesh.send('moving', { ...mallory, session, gateway, method: 'DELETE' })).status);
    const live = await mesh.rpc('moving', callOf('echo'), { ...alice, session });
    for (const replica of mesh.replicas.moving) replica.forget();
    const rebuilt = await mesh.rpc('moving', callOf('echo'), { ...alice, session });
    const own = await mesh.send('moving', { ...alice, session, method: 'DELETE' });
    const after = await mesh.rpc('moving', callOf('echo'), { ...alice, session });
    mesh.reset('moving');
    return judge(
      {
        refused: statuses.every((status) => status === 401 || status === 403 || status === 404),
        'her session lives': live.status === 200,
        'and is rebuilt': rebuilt.status === 200,
        'until she ends it': own.status < 300 && after.status === 404,
      },
      `${statuses.join(', ')}; live ${live.status}, rebuilt ${rebuilt.status}, own DELETE ${own.status}`,
    );
  },
);

const UNKNOWN: Record<string, (index: number, live: string) => string> = {
  'unknown-id': (index, live) => `${live.split('~')[0]}~forged-${index}`,
  'unknown-slot': (index) => `zz${index}~forged`,
  'bound-mark': (index, live) => `${live.replace(/p?~.*/, '')}p~forged-${index}`,
};
const unknownIds = casesOf(
  'deletes',
  { finding: '11', goal: '404 as for a call, and no key is written' },
  UNKNOWN,
  async (mesh, write) => {
    const port = mesh.mesh.redis?.port ?? 0;
    const keys = async (): Promise<number> =>
      Number(
        /:(\d+)/.exec(
          await redisAnswer(
            port,
            "EVAL \"local n=0 for _,k in ipairs(redis.call('keys','*moving*session*')) do n=n+1 end return n\" 0",
          ),
        )?.[1],
      );
    const live = await mesh.session('moving');
    const before = await keys();
    const statuses: number[] = [];
    for (let index = 0; index < 20; index++)
      statuses.push(
        (await mesh.send('moving', { session: write(index, live), gateway: index % 2, method: 'DELETE' })).status,
      );
    const written = (await keys()) - before;
    return judge(
      { 'all 404': statuses.every((status) => status === 404), 'no key': written <= 0 },
      `${[...new Set(statuses)].join(', ')}, ${written} keys written`,
    );
  },
);
export const deletes: AttackCase[] = [...refusedByReplica, ...unknownIds];
