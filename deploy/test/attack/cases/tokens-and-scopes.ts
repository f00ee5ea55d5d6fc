import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { INITIALIZE, type AttackMesh } from '../attack-mesh.ts';
import { exchange, openStream } from '../http-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { parseConfig } from '../../../../control-plane/config/parse-config.ts';
import { configOf, inputsOf } from '../../../../control-plane/resources/testing/golden-cases.ts';
import { buildTopology } from '../../../../control-plane/topology/build-topology.ts';
import { AUDIENCE, ISSUER } from '../tokens.ts';

const foreign = casesOf(
  'tokens',
  { finding: '19', goal: '401 for a token that is not for this server' },
  {
    'other-audience': { aud: 'billing' },
    'no-audience': { aud: undefined },
    'audience-list-of-others': { aud: ['billing', 'mail'] },
    'audience-with-suffix': { aud: `${AUDIENCE}/more` },
    'audience-upper-case': { aud: AUDIENCE.toUpperCase() },
    'audience-as-object': { aud: { 0: AUDIENCE } },
    'issuer-with-slash': { iss: `${ISSUER}/` },
    'expiry-as-text': { exp: '1700000000' },
    'audience-with-space': { aud: ` ${AUDIENCE}` },
    'audience-nested': { aud: [[AUDIENCE]] },
    'expiry-negative': { exp: -1 },
    'other-issuer': { iss: 'https://other.example' },
    expired: { exp: 1_700_000_000 },
    'not-yet': { nbf: 4_000_000_000 },
  } as Record<string, object>,
  async (mesh: AttackMesh, claims) => {
    const statuses: number[] = [];
    for (const server of ['jwt', 'jwtoff'] as const)
      statuses.push((await mesh.rpc(server, INITIALIZE, { token: mesh.issuer.valid('mallory', claims) })).status);
    return judge(
      { 'all 401 or 403': statuses.every((status) => status === 401 || status === 403) },
      statuses.join(', '),
    );
  },
);

const challenge: AttackCase = {
  name: 'tokens/challenge',
  finding: '19',
  goal: '401 names resource_metadata, and that document is served without a token',
  async run(mesh) {
    const answer = await mesh.rpc('jwt', INITIALIZE);
    const header = String(answer.headers['www-authenticate'] ?? '');
    const url = /resource_metadata="([^"]+)"/.exec(header)?.[1];
    if (url === undefined) return judge({ 'resource_metadata is named': false }, `${answer.status} ${header}`);
    const { pathname } = new URL(url);
    const document = await exchange(`${mesh.mesh.gateways[0]?.url}${pathname}`, { method: 'GET' });
    return judge(
      {
        '401': answer.status === 401,
        served: document.status === 200,
        'names the issuer': document.body.includes(ISSUER),
      },
      `${answer.status}, document ${document.status}`,
    );
  },
};

const audienceNeeded = casesOf(
  'tokens',
  { finding: '19', goal: 'a server with jwt has an audience, or it is refused', isAlone: true },
  { 'empty-audiences': ', audiences: []', 'no-audiences': '' },
  async (_, audiences) => {
    const jwt = `{issuer: "${ISSUER}", jwksFile: jwks.json${audiences}}`;
    const server = `{name: a, backends: [{name: stable, replicas: ["127.0.0.1:1"]}], jwt: ${jwt}}`;
    const given = buildTopology(inputsOf(configOf(`servers: [${server}]`))).servers[0]?.jwt?.audiences ?? [];
    const open = parseConfig(`gateway: {listenAddress: 0.0.0.0}\nservers: [${server}]`, {}).kind;
    return judge(
      { 'one is given': given.some((each) => each !== ''), 'refused where none is known': open === 'bad' },
      `${given[0]}; without a public URL: ${open}`,
    );
  },
);

const endsAtExp: AttackCase = {
  name: 'tokens/stream-ends-at-exp',
  finding: '19',
  goal: 'a held stream ends when its token does',
  isSlow: true,
  async run(mesh) {
    const token = mesh.issuer.valid('dora');
    const session = await mesh.session('jwt', { token });
    // The clock skew that the mesh allows is a minute: the token is that much older.
    const short = mesh.issuer.valid('dora', { exp: Math.floor(Date.now() / 1000) - 57 });
    const headers = { 'mcp-session-id': session, authorization: `Bearer ${short}` };
    const stream = await openStream(mesh.url('jwt'), { headers });
    const isOpened = stream?.status === 200;
    await waitFor(() => stream?.isEnded === true, { what: 'the stream ends', timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    const isEnded = stream?.isEnded === true;
    stream?.close();
    return judge({ 'it was opened': isOpened, 'it ended': isEnded }, `${stream?.status}`);
  },
};

export const tokens: AttackCase[] = [...foreign, challenge, ...audienceNeeded, endsAtExp];
