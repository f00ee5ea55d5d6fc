import { HEADER } from '../../../../proto/wire.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type SendOptions } from '../attack-mesh.ts';

type Forge = (
  tokens: Record<'mallory' | 'forged' | 'unsigned' | 'foreign' | 'confused' | 'embedded' | 'linked', string>,
) => SendOptions;
const query = (token: string): string => `?access_token=${token}`;

/** Ways to send Mallory's own valid token beside one that claims to be Alice's. */
const FORGERIES: Record<string, Forge> = {
  'lower-case-and-query': (t) => ({ suffix: query(t.mallory), headers: { authorization: `bearer ${t.forged}` } }),
  'upper-case-and-query': (t) => ({ suffix: query(t.mallory), headers: { authorization: `BEARER ${t.forged}` } }),
  'two-spaces-and-query': (t) => ({ suffix: query(t.mallory), headers: { authorization: `Bearer  ${t.forged}` } }),
  'other-scheme-and-query': (t) => ({ suffix: query(t.mallory), headers: { authorization: `Token ${t.forged}` } }),
  'unsigned-and-query': (t) => ({ suffix: query(t.mallory), headers: { authorization: `bearer ${t.unsigned}` } }),
  'query-alone': (t) => ({ suffix: query(t.mallory) }),
  'two-headers': (t) => ({ headers: { authorization: [`Bearer ${t.mallory}`, `Bearer ${t.forged}`] as never } }),
  'two-headers-forged-first': (t) => ({
    headers: { authorization: [`bearer ${t.forged}`, `Bearer ${t.mallory}`] as never },
  }),
  'comma-joined': (t) => ({ headers: { authorization: `Bearer ${t.mallory},Bearer ${t.forged}` } }),
  'own-token-and-principal-header': (t) => ({
    headers: { authorization: `Bearer ${t.mallory}`, 'x-holdfast-principal': 'alice', 'x-holdfast-jwt': t.forged },
  }),
  'own-token-and-payload-header': (t) => ({
    headers: {
      authorization: `Bearer ${t.mallory}`,
      'x-jwt-payload': Buffer.from('{"iss":"https://id.example","sub":"alice"}').toString('base64url'),
      'x-holdfast-subject': 'alice',
    },
  }),
  'tab-after-scheme-and-query': (t) => ({
    suffix: query(t.mallory),
    headers: { authorization: `Bearer\t${t.forged}` },
  }),
  'query-percent-encoded': (t) => ({
    suffix: `?access%5Ftoken=${t.mallory}`,
    headers: { authorization: `bearer ${t.forged}` },
  }),
  'own-token-and-claims-header': (t) => ({
    headers: {
      authorization: `Bearer ${t.mallory}`,
      [HEADER.claims]: Buffer.from('{"iss":"https://issuer.example","sub":"alice"}').toString('base64url'),
    },
  }),
  'claims-header-nominated': (t) => ({
    headers: {
      authorization: `Bearer ${t.mallory}`,
      connection: `close, authorization, ${HEADER.claims}`,
      [HEADER.claims]: Buffer.from('{"sub":"alice"}').toString('base64url'),
    },
  }),
  'proxy-authorization': (t) => ({
    headers: { authorization: `Bearer ${t.mallory}`, 'proxy-authorization': `Bearer ${t.forged}` },
  }),
  'key-confusion': (t) => ({ headers: { authorization: `Bearer ${t.confused}` } }),
  'key-in-the-token': (t) => ({ headers: { authorization: `Bearer ${t.embedded}` } }),
  'key-from-a-url': (t) => ({ headers: { authorization: `Bearer ${t.linked}` } }),
  forged: (t) => ({ headers: { authorization: `Bearer ${t.forged}` } }),
  'alg-none': (t) => ({ headers: { authorization: `Bearer ${t.unsigned}` } }),
  'foreign-key': (t) => ({ headers: { authorization: `Bearer ${t.foreign}` } }),
};

async function enterAlices(mesh: AttackMesh, forge: Forge): Promise<ReturnType<typeof judge>> {
  const { issuer } = mesh;
  const sent = forge({
    mallory: issuer.valid('mallory'),
    forged: issuer.forged('alice'),
    unsigned: issuer.unsigned('alice'),
    foreign: issuer.foreign('alice'),
    confused: issuer.confused('alice'),
    embedded: issuer.embedded('alice'),
    linked: issuer.linked('alice'),
  });
  const said: string[] = [];
  for (const server of ['jwt', 'jwtoff'] as const) {
    const alice = issuer.valid('alice');
    const session = await mesh.session(server, { token: alice });
    for (const gateway of [0, 1]) {
      const answer = await mesh.rpc(server, callOf('echo', { text: 'secret' }), { ...sent, session, gateway });
      if (answer.status < 400) said.push(`${server}: ${answer.status} in Alice’s session`);
    }
    const held = await mesh.send(server, { ...sent, session, method: 'GET', timeoutMs: 500 });
    if (held.status !== 0 && held.status < 400) said.push(`${server}: her stream was opened`);
    const ended = await mesh.send(server, { ...sent, session, method: 'DELETE' });
    if (ended.status < 400) said.push(`${server}: her session was deleted`);
    const own = await mesh.rpc(server, callOf('echo'), { session, token: alice });
    if (own.status !== 200) said.push(`${server}: Alice is answered with ${own.status}`);
    const begun = await mesh.rpc(server, INITIALIZE, sent);
    const id = String(begun.headers['mcp-session-id'] ?? '');
    if (begun.status === 200 && !/^[0-9a-z]+p~/.test(id)) said.push(`${server}: an unbound session ${id.slice(0, 8)}`);
  }
  return judge({ 'Alice’s session is hers alone': said.length === 0 }, said.join(', '));
}

/** A token in the query is not looked at, and does not travel to the replica. */
const inQuery: AttackCase = {
  name: 'forged-principal/query-does-not-travel',
  finding: '3',
  goal: '400 or 401, and the replica sees no token in its URL',
  async run(mesh) {
    mesh.reset('jwt');
    const token = mesh.issuer.valid('mallory');
    const answer = await mesh.rpc('jwt', INITIALIZE, { suffix: query(token) });
    const both = await mesh.rpc('jwt', INITIALIZE, { suffix: query(token), token });
    const leaked = mesh.replicas.jwt.some(({ seen }) => seen.some(({ url }) => url.includes(token)));
    return judge(
      {
        'the query is no token': answer.status === 400 || answer.status === 401,
        'no token in the replica’s URL': !leaked,
      },
      `query alone ${answer.status}, beside the header ${both.status}`,
    );
  },
};

/** The scheme's name is case-insensitive: a client that writes it otherwise is no attacker. */
const anyCase: AttackCase = {
  name: 'forged-principal/valid-token-any-case',
  finding: '3',
  goal: 'a valid token is taken whatever the case of its scheme',
  async run(mesh) {
    const token = mesh.issuer.valid('carol');
    const statuses: number[] = [];
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      statuses.push((await mesh.rpc('jwt', INITIALIZE, { headers: { authorization: `${scheme} ${token}` } })).status);
    return judge({ 'all taken': statuses.every((status) => status === 200) }, statuses.join(', '));
  },
};

export const forgedPrincipal: AttackCase[] = [
  ...casesOf('forged-principal', { finding: '3', goal: 'Alice’s session is hers alone' }, FORGERIES, enterAlices),
  inQuery,
  anyCase,
];
