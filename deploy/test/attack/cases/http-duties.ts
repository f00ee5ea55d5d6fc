import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type ServerName } from '../attack-mesh.ts';
import { exchange } from '../http-client.ts';
import { rawExchange } from '../../clients/raw-http.ts';

/** Larger than `maxBodyBytes`, said beforehand or not. */
const TOO_LARGE = 5 << 20;
const largeBodies = casesOf(
  'too-large',
  { finding: '23', goal: '413, in a session 200 with the error; no Retry-After, no replica is blamed' },
  {
    guarded: { server: 'plain', hasSession: true, isChunked: false },
    'guarded-chunked': { server: 'plain', hasSession: true, isChunked: true },
    'no-session': { server: 'plain', hasSession: false, isChunked: false },
    'guard-off': { server: 'off', hasSession: true, isChunked: false },
    'guard-off-chunked': { server: 'off', hasSession: true, isChunked: true },
    streams: { server: 'streams', hasSession: true, isChunked: false },
  } as Record<string, { server: ServerName; hasSession: boolean; isChunked: boolean }>,
  async (mesh, { server, hasSession, isChunked }) => {
    const session = hasSession ? { session: await mesh.session(server) } : {};
    const body = Buffer.from(JSON.stringify(callOf('echo', { text: 'x'.repeat(TOO_LARGE) })));
    const answer = await mesh.send(server, {
      ...session,
      body,
      isChunked,
    });
    return judge(
      {
        // A call of a session hears its error in a form that leaves the session alone.
        'told so': answer.status === 413 || (hasSession && answer.status === 200 && /-31007/.test(answer.body)),
        'no Retry-After': answer.headers['retry-after'] === undefined,
        'no replica blamed': !/sent_no_response|retrySafe":true/.test(answer.body),
      },
      `${answer.status} ${answer.body.slice(0, 100)}`,
    );
  },
);

interface Stray {
  server: ServerName;
  method: string;
  suffix: string;
  hasSession?: boolean;
}
const stray = (server: ServerName, method: string, suffix = '', hasSession = false): Stray => ({
  server,
  method,
  suffix,
  hasSession,
});
const strays = casesOf(
  'methods-and-paths',
  { finding: '24', goal: '4xx, nothing reaches a replica' },
  {
    put: stray('plain', 'PUT'),
    trace: stray('plain', 'TRACE'),
    patch: stray('off', 'PATCH'),
    'put-in-session': stray('off', 'PUT', '', true),
    'patch-in-session': stray('plain', 'PATCH', '', true),
    'head-in-session': stray('streams', 'HEAD', '', true),
    link: stray('plain', 'LINK'),
    'search-in-session': stray('plain', 'M-SEARCH', '', true),
    'semicolon-path': stray('off', 'POST', ';x'),
    'two-slashes': stray('plain', 'POST', '//x'),
    'dot-segment': stray('plain', 'POST', '/./x'),
    propfind: stray('plain', 'PROPFIND'),
    'sub-path': stray('plain', 'POST', '/x'),
    'sub-path-guard-off': stray('off', 'POST', '/admin/users'),
    'sub-path-in-session': stray('off', 'POST', '/x', true),
    'sub-path-get': stray('plain', 'GET', '/x'),
    'root-sub-path': stray('root', 'GET', '/.env'),
    'root-sub-path-post': stray('root', 'POST', '/admin'),
    'encoded-sub-path': stray('plain', 'POST', '/%2e%2e/x'),
  },
  async (mesh, { server, method, suffix, hasSession }) => {
    const session = hasSession === true ? { session: await mesh.session(server) } : {};
    const marker = `stray-${method}-${suffix.length}`;
    const body =
      method === 'TRACE' || method === 'HEAD' || method === 'GET' ? {} : { body: JSON.stringify(INITIALIZE) };
    const answer = await mesh.send(server, { ...session, ...body, method, suffix, headers: { 'x-marker': marker } });
    const reached = mesh.replicas[server].flatMap(({ seen }) =>
      seen.filter(({ headers }) => headers['x-marker'] === marker),
    );
    return judge(
      { '4xx': answer.status >= 400 && answer.status < 500, 'no replica saw it': reached.length === 0 },
      `${answer.status}${reached[0] ? `, replica saw ${reached[0].method} ${reached[0].url}` : ''}`,
    );
  },
);

const NAMES = /plain|linear|jwtoff|replica|redis|gateway-\d|127\.0\.0\.1/i;
const publicHealth = casesOf(
  'public-health',
  { finding: '25', goal: 'says that and no more' },
  {
    get: 'GET /health',
    head: 'HEAD /health',
    query: 'GET /health?verbose=1',
    accept: 'GET /health',
    slash: 'GET /health/',
  },
  async (mesh, request) => {
    const [method = '', path = ''] = request.split(' ');
    const answer = await exchange(`${mesh.mesh.gateways[0]?.url}${path}`, { method, headers: { accept: '*/*' } });
    // The form that every unknown path gets.
    const said = answer.status === 404 ? answer.body.replace('"replica":null', '').slice(0, 199) : answer.body;
    return judge(
      { 'no name, no count, no error text': !NAMES.test(said), short: said.length < 200 },
      `${answer.status} ${answer.body.slice(0, 120)}`,
    );
  },
);

const BODY = JSON.stringify(INITIALIZE);
const codings = casesOf(
  'transfer-codings',
  { finding: '26', goal: '4xx or 501, never called safe to retry' },
  {
    'identity-chunked': 'identity, chunked',
    gzip: 'gzip, chunked',
    unknown: 'x-evil',
    'chunked-twice': 'chunked, chunked',
    deflate: 'deflate',
    'with-parameter': 'chunked;q=1',
    'comma-alone': ',chunked',
    'in-quotes': '"chunked"',
  },
  async (mesh: AttackMesh, coding) => {
    const port = Number(new URL(mesh.mesh.gateways[0]?.url ?? '').port);
    const said: string[] = [];
    for (const server of ['plain', 'off']) {
      const head = `POST /mcp/${server} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: ${coding}\r\n\r\n`;
      const answer = await rawExchange(port, `${head}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`, {
        timeoutMs: 4000,
      });
      if (!((answer.status >= 400 && answer.status < 500) || answer.status === 501 || answer.status === 0))
        said.push(`${server} ${answer.status} ${answer.body.slice(0, 80)}`);
      if (/retrySafe":true/.test(answer.body)) said.push(`${server}: safe to retry`);
    }
    return judge({ 'refused plainly': said.length === 0 }, said.join(', '));
  },
);

const forwarding = casesOf(
  'forwarding-headers',
  { finding: '28', goal: 'what a client claims of its way does not reach a replica' },
  {
    'x-forwarded-host': 'evil.example',
    forwarded: 'for=1.2.3.4;host=evil.example',
    'x-forwarded-prefix': '/evil',
    'x-original-url': '/admin',
    'x-rewrite-url': '/admin',
    'x-real-ip': '10.0.0.1',
  },
  async (mesh, value) => {
    const names = [
      'x-forwarded-host',
      'forwarded',
      'x-forwarded-prefix',
      'x-original-url',
      'x-rewrite-url',
      'x-real-ip',
    ];
    const passed: string[] = [];
    for (const server of ['plain', 'off'] as const) {
      const claims = Object.fromEntries(names.map((name) => [name, value]));
      const session = await mesh.session(server);
      const answer = await mesh.rpc(server, callOf('headers'), { session, headers: claims });
      for (const name of names) if (answer.body.includes(`\\"${name}\\":`)) passed.push(`${server}: ${name}`);
    }
    return judge({ 'none passes': passed.length === 0 }, passed.join(', '));
  },
);

export const httpDuties: AttackCase[] = [
  ...largeBodies,
  ...strays,
  ...publicHealth,
  ...codings,
  ...forwarding.slice(0, 3),
];
