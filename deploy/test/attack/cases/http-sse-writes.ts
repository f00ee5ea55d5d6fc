import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type SendOptions } from '../attack-mesh.ts';
import { openStream } from '../http-client.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';

const POISON = 'POISONED-by-mallory';

async function isInStore({ mesh }: AttackMesh, text: string): Promise<boolean> {
  const port = mesh.redis?.port ?? 0;
  const script = `"local f='' for _,k in ipairs(redis.call('keys','*')) do local t=redis.call('type',k).ok if t=='hash' then f=f..table.concat(redis.call('hgetall',k)) elseif t=='string' then f=f..redis.call('get',k) end end return string.find(f,'${text}',1,true) or 0"`;
  return !/^:0\r/.test(await redisAnswer(port, `EVAL ${script} 0`));
}

/** What Mallory sends to the endpoint of Alice's stream. */
const CLAIMS: Record<string, (mesh: AttackMesh) => SendOptions> = {
  'other-principal': (mesh) => ({ token: mesh.issuer.unsigned('mallory') }),
  anonymous: () => ({}),
  cookie: () => ({ headers: { cookie: 'sid=mallory' } }),
  'basic-credentials': () => ({ headers: { authorization: 'Basic bTpt' } }),
  'opaque-token': () => ({ token: 'opaque-mallory' }),
};

export const httpSseWrites: AttackCase[] = casesOf(
  'http-sse-writes',
  { finding: '15', goal: 'refused, and nothing of it is kept' },
  CLAIMS,
  async (mesh, claim) => {
    const headers = { authorization: `Bearer ${mesh.issuer.unsigned('alice')}` };
    const stream = await openStream(mesh.url('legacy'), { headers });
    if (!stream) return judge({ 'Alice has a stream': false }, '');
    const endpoint = await waitFor(() => /data: (\S+)/.exec(stream.text)?.[1], { what: 'an endpoint event' });
    const { search: suffix } = new URL(endpoint, mesh.url('legacy'));
    await mesh.rpc('legacy', INITIALIZE, { suffix, headers });
    const statuses: number[] = [];
    for (const gateway of [0, 1]) {
      const params = { ...INITIALIZE.params, clientInfo: { name: POISON, version: '1' } };
      statuses.push((await mesh.rpc('legacy', { ...INITIALIZE, params }, { ...claim(mesh), suffix, gateway })).status);
      statuses.push(
        (await mesh.rpc('legacy', callOf('echo', { text: POISON }), { ...claim(mesh), suffix, gateway })).status,
      );
    }
    const isKept = await isInStore(mesh, POISON);
    const reachedHer = stream.text.includes(POISON);
    const own = await mesh.rpc('legacy', callOf('echo', { text: 'mine' }, 'mine'), { suffix, headers });
    await waitFor(() => stream.text.includes('mine') || stream.isEnded, { what: 'her answer', timeoutMs: 5000 }).catch(
      () => undefined,
    );
    const checks = {
      'refused each time': statuses.every((status) => status >= 400),
      'nothing in the store': !isKept,
      'nothing on her stream': !reachedHer,
      'Alice goes on': own.status === 202 && stream.text.includes('mine'),
    };
    stream.close();
    return judge(checks, statuses.join(', '));
  },
);
