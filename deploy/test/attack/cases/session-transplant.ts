import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, type SendOptions, type ServerName } from '../attack-mesh.ts';

const bearer = (token: string): SendOptions => ({ headers: { authorization: `Bearer ${token}` } });
const query = (text: string): SendOptions => ({ suffix: `?${text}` });
const headers = (name: string, value: string): SendOptions => ({ headers: { [name]: value } });

interface Transplant {
  server: ServerName;
  alice: SendOptions;
  mallory: SendOptions;
}
const INPUTS: Record<string, Transplant> = {
  'other-opaque-token': { server: 'moving', alice: bearer('opaque-alice'), mallory: bearer('opaque-mallory') },
  'no-credentials': { server: 'moving', alice: bearer('opaque-alice'), mallory: {} },
  'api-key': { server: 'moving', alice: headers('x-api-key', 'alice'), mallory: headers('x-api-key', 'mallory') },
  'api-key-none': { server: 'moving', alice: headers('x-api-key', 'alice'), mallory: {} },
  cookie: { server: 'moving', alice: headers('cookie', 'sid=alice'), mallory: headers('cookie', 'sid=mallory') },
  basic: {
    server: 'moving',
    alice: headers('authorization', 'Basic YTph'),
    mallory: headers('authorization', 'Basic bTpt'),
  },
  'token-to-api-key': {
    server: 'moving',
    alice: bearer('opaque-alice'),
    mallory: headers('x-api-key', 'opaque-alice'),
  },
  'cookie-of-alice-without-token': {
    server: 'moving',
    alice: { headers: { authorization: 'Bearer opaque-alice', cookie: 'sid=alice' } },
    mallory: headers('cookie', 'sid=alice'),
  },
  'key-in-another-header': {
    server: 'moving',
    alice: headers('x-api-key', 'alice'),
    mallory: headers('x-auth-token', 'alice'),
  },
  'query-key': { server: 'moving', alice: query('key=alice'), mallory: query('key=mallory') },
  'query-key-none': { server: 'moving', alice: query('apiKey=alice'), mallory: {} },
  'query-key-encoded': { server: 'moving', alice: query('api_key=alice'), mallory: query('api%5Fkey=mallory') },
  'query-key-to-header': { server: 'moving', alice: query('key=alice'), mallory: headers('x-api-key', 'alice') },
  'query-key-beside-hers': { server: 'moving', alice: query('key=alice'), mallory: query('key=mallory&key=alice') },
  'proxy-authorization': {
    server: 'moving',
    alice: headers('proxy-authorization', 'Basic YTph'),
    mallory: headers('proxy-authorization', 'Basic bTpt'),
  },
  'other-cookie-of-two': {
    server: 'moving',
    alice: headers('cookie', 'lang=en; sid=alice'),
    mallory: headers('cookie', 'sid=mallory; lang=en'),
  },
  'opaque-off': { server: 'off', alice: bearer('opaque-alice'), mallory: bearer('opaque-mallory') },
};

/** The replicas have lost everything; Mallory knows Alice's id and comes first. */
export const sessionTransplant: AttackCase[] = casesOf(
  'session-transplant',
  { finding: '8', goal: 'refused for Mallory; Alice’s session is rebuilt with her own credentials' },
  INPUTS,
  async (mesh, { server, alice, mallory }) => {
    const session = await mesh.session(server, alice);
    // A call that the replica has accepted; then the replica that holds this session forgets it.
    await mesh.rpc(server, callOf('echo'), { ...alice, session });
    for (const replica of mesh.replicas[server]) {
      const own = [...replica.sessions].filter(
        ([, { authorization }]) => server !== 'off' || authorization === 'Bearer opaque-alice',
      );
      for (const [id] of own) replica.sessions.delete(id);
    }
    mesh.reset(server);
    const statuses: number[] = [];
    for (const gateway of [0, 1])
      statuses.push((await mesh.rpc(server, callOf('echo'), { ...mallory, session, gateway })).status);
    // Honest clients begin sessions here meanwhile.
    const rebuilt = mesh.replicas[server]
      .flatMap(({ seen }) => seen)
      .filter(({ message }) => String(message?.id).startsWith('holdfast-recovery')).length;
    const own = await mesh.rpc(server, callOf('echo'), { ...alice, session });
    const hers = (alice.headers as Record<string, string> | undefined)?.['authorization'],
      isHers = hers === undefined || own.body.includes(hers);
    return judge(
      {
        'Mallory is refused as one who knows no session': statuses.every((status) => status === 404),
        'nothing is rebuilt for him': rebuilt === 0,
        'Alice goes on': own.status === 200 && isHers,
      },
      `Mallory ${statuses.join(', ')}, ${rebuilt} rebuilt, Alice ${own.status}`,
    );
  },
);

/** A token that was refreshed, and accepted by the replica, goes on working. */
export const tokenRefresh: AttackCase = {
  name: 'session-transplant/own-refresh-works',
  finding: '8',
  goal: 'a session whose client refreshed its token is rebuilt with the new one',
  async run(mesh) {
    const session = await mesh.session('moving', bearer('first'));
    const live = await mesh.rpc('moving', callOf('echo'), { ...bearer('second'), session });
    for (const replica of mesh.replicas.moving) replica.forget();
    const rebuilt = await mesh.rpc('moving', callOf('echo'), { ...bearer('second'), session, gateway: 1 });
    return judge(
      { 'both answered': live.status === 200 && rebuilt.status === 200 },
      `${live.status}, ${rebuilt.status}`,
    );
  },
};
