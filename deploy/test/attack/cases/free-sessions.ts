import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type ServerName } from '../attack-mesh.ts';
import { sessionDigest } from '../../../../proto/session-record.ts';
import { REDIS } from '../../../../proto/wire.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { openStream } from '../http-client.ts';

const large = (bytes: number, where: string): object => {
  const filler = 'x'.repeat(bytes);
  const more = where === 'capabilities' ? { capabilities: { experimental: { filler } } } : { [where]: filler };
  return { ...INITIALIZE, params: { ...INITIALIZE.params, ...more } };
};

async function storeBytes({ mesh }: AttackMesh): Promise<number> {
  const info = await redisAnswer(mesh.redis?.port ?? 0, 'INFO memory');
  return Number(/used_memory:(\d+)/.exec(info)?.[1]);
}

/** Large ones: no more of each is kept than the limit says, whatever part is large. */
const largeOnes = casesOf(
  'free-sessions',
  { finding: '5', goal: 'at most 64 KiB kept of each; store and sidecar grow little', isLasting: true },
  {
    'large-capabilities': { server: 'plain', where: 'capabilities', bytes: 4_000_000 },
    'large-client-info': { server: 'off', where: 'clientInfo', bytes: 4_000_000 },
    'large-unknown': { server: 'streams', where: 'zzz', bytes: 1_000_000 },
    'large-principal': { server: 'jwt', where: 'capabilities', bytes: 500_000 },
  } as Record<string, { server: ServerName; where: string; bytes: number }>,
  async (mesh, { server, where, bytes }) => {
    const before = await storeBytes(mesh);
    const token = server === 'jwt' ? { token: mesh.issuer.valid('mallory') } : {};
    const statuses: number[] = [];
    for (let count = 0; count < 20; count++)
      statuses.push((await mesh.rpc(server, large(bytes, where), { ...token, gateway: count % 2 })).status);
    const grown = (await storeBytes(mesh)) - before;
    const tally = [...Map.groupBy(statuses, (status) => status)].map(([status, list]) => `${list.length}× ${status}`);
    return judge(
      { 'the store grew by less than 2 MiB': grown < 2 << 20, 'an answer each time': !statuses.includes(0) },
      `${tally.join(', ')}, store +${Math.round(grown / 1024)} KiB`,
    );
  },
);

/** A session is small when it begins; what its client does with it must not make it large. */
const growing: AttackCase = {
  name: 'free-sessions/long-subscriptions',
  finding: '5',
  goal: 'a session’s record stays below 64 KiB',
  async run(mesh) {
    const session = await mesh.session('plain');
    const statuses: number[] = [];
    for (let id = 0; id < 100; id++) {
      const params = { uri: `file:///${id}/${'x'.repeat(8000)}` };
      const message = { jsonrpc: '2.0', id, method: 'resources/subscribe', params };
      statuses.push((await mesh.rpc('plain', message, { session, gateway: id % 2 })).status);
    }
    const key = REDIS.session('plain', sessionDigest(session));
    const answer = await redisAnswer(mesh.mesh.redis?.port ?? 0, `MEMORY USAGE ${key} SAMPLES 0`);
    const bytes = Number(/:(\d+)/.exec(answer)?.[1]);
    return judge(
      { 'answered each time': statuses.every((status) => status === 200), 'the record is small': bytes < 64 << 10 },
      `${Math.round(bytes / 1024)} KiB`,
    );
  },
};

/** Over HTTP+SSE a session is there before its client has said anything, and its initialize may come more than once. */
const overHttpSse: AttackCase = {
  name: 'free-sessions/large-http-sse',
  finding: '5',
  goal: 'refused, and the session’s record stays below 64 KiB',
  async run(mesh) {
    const statuses: number[] = [];
    const before = await storeBytes(mesh);
    const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(mesh.url('legacy'))));
    for (const stream of streams) {
      const endpoint = await waitFor(() => /data: (\S+)/.exec(stream?.text ?? '')?.[1], { what: 'an endpoint event' });
      const suffix = new URL(endpoint, mesh.url('legacy')).search;
      for (const gateway of [0, 1])
        statuses.push((await mesh.rpc('legacy', large(2_000_000, 'capabilities'), { suffix, gateway })).status);
    }
    const grown = (await storeBytes(mesh)) - before;
    for (const stream of streams) stream?.close();
    return judge(
      { 'the store grew by less than 1 MiB': grown < 1 << 20, 'refused each time': !statuses.includes(202) },
      `${[...new Set(statuses)].join(', ')}, store +${Math.round(grown / 1024)} KiB`,
    );
  },
};

const SMALL = 1500;
/** What each gateway lets one address begin (`rationed` in attack-mesh.ts): at once, and a second. */
const BURST = 100;
const PER_SECOND = 10;
/** Many small ones from one address: what they take has an end. */
const many: AttackCase = {
  name: 'free-sessions/many-small',
  finding: '5',
  goal: 'one address is refused after a burst, with Retry-After; others begin sessions',
  async run(mesh) {
    const refusals: string[] = [];
    let begun = 0;
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: 50 }, async (_, worker) => {
        for (let count = 0; count < SMALL / 50; count++) {
          const answer = await mesh.rpc('rationed', INITIALIZE, { gateway: worker % 2 });
          if (answer.status === 200) begun++;
          else refusals.push(`${answer.status} ${answer.headers['retry-after'] ?? 'without Retry-After'}`);
        }
      }),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const most = mesh.mesh.gateways.length * Math.ceil(BURST + PER_SECOND * seconds);
    const other = await mesh.rpc('rationed', INITIALIZE, { from: '127.0.0.67' });
    return judge(
      {
        'no more than the limit begin': begun <= most,
        'a burst does': begun >= BURST,
        'with 503 or 429 and Retry-After': refusals.every((text) => /^(503|429) \d+$/.test(text)),
        'another address is served': other.status === 200,
      },
      `${begun} begun of at most ${most}, ${refusals.length} refused${refusals.length > 0 ? `, as ${refusals[0]}` : ''}`,
    );
  },
};

/** A store that refuses writes is away: a session is unsure then, never unknown. */
const fullStore = casesOf(
  'free-sessions',
  { finding: '5', goal: 'never 404 for a live session; health says so', isLasting: true },
  { 'store-full': 'CONFIG SET maxmemory 1mb', 'store-read-only': 'CONFIG SET min-replicas-to-write 3' },
  async (mesh, command) => {
    const port = mesh.mesh.redis?.port ?? 0;
    await redisAnswer(port, command);
    const said: string[] = [];
    let health = 200;
    try {
      for (let count = 0; count < 4; count++) {
        const token = mesh.issuer.valid(`victim-${count}`);
        const begun = await mesh.rpc('jwt', INITIALIZE, { token, gateway: 0 });
        const session = begun.headers['mcp-session-id'];
        if (typeof session !== 'string') {
          if (begun.status !== 503) said.push(`initialize ${begun.status}`);
          continue;
        }
        const there = await mesh.rpc('jwt', callOf('echo'), { token, session, gateway: 1 });
        if (there.status !== 200 && there.status !== 503) said.push(`other gateway ${there.status}`);
      }
      const url = mesh.mesh.gateways[0]?.sidecars[0]?.adminUrl;
      const answer = await mesh.send('plain', {}).then(() => fetch(`${url}/health`));
      health = answer.status === 200 && /"status":"healthy"/.test(await answer.text()) ? 200 : 503;
    } finally {
      await redisAnswer(port, 'CONFIG SET maxmemory 0');
      await redisAnswer(port, 'CONFIG SET min-replicas-to-write 0');
    }
    return judge({ 'no session is unknown': said.length === 0, 'health says so': health !== 200 }, said.join(', '));
  },
);

export const freeSessions: AttackCase[] = [...largeOnes, overHttpSse, growing, many, ...fullStore];
