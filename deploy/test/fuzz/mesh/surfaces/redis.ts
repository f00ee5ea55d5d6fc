import { Redis } from 'ioredis';
import { COMPACT_FIELD } from '../../../../../proto/compact-record.ts';
import { CHANNEL, REDIS } from '../../../../../proto/wire.ts';
import { sessionDigest } from '../../../../../proto/session-record.ts';
import { callOf } from '../../../attack/attack-mesh.ts';
import { mutate } from '../../mutate.ts';
import type { FuzzRig } from '../fuzz-rig.ts';
import { mutateJson } from '../mutate-json.ts';
import { pick, type Surface } from '../surface.ts';

const clients = new WeakMap<FuzzRig, Redis>();
function clientOf(rig: FuzzRig): Redis {
  const found = clients.get(rig);
  if (found) return found;
  const client = new Redis(rig.mesh.mesh.redis?.port ?? 0, '127.0.0.1', {
    lazyConnect: false,
    retryStrategy: () => 200,
  });
  client.on('error', () => undefined);
  clients.set(rig, client);
  return client;
}
export const closeRedis = (rig: FuzzRig): void => clients.get(rig)?.disconnect();

const BREAKER = '{"state":"open","generation":1,"openings":1,"sinceMs":1,"untilMs":2,"by":"fuzz"}';
/** Messages and records of every kind, for servers that nobody honest is on. */
const TEXTS: readonly string[] = [
  '{"server":"moving","digest":"00","slot":"abc","epoch":3}',
  '{"server":"moving","digest":"00","slot":null,"epoch":3}',
  '{"server":"frugal","slot":"abc","kind":"unreachable","count":1,"node":"fuzz"}',
  '{"server":"frugal","slot":"abc","kind":"hanging","count":1e9,"node":"fuzz"}',
  `{"server":"frugal","field":"tool/x","value":${JSON.stringify(BREAKER)}}`,
  '{"server":"frugal","field":"order/replica/abc","value":null}',
  BREAKER,
  '{"type":"http","backend":"stable","initializeParams":{},"protocolVersion":"2025-06-18","capabilities":{},"hasCredentials":false}',
  '{"version":1,"server":"moving","type":"http","digest":"00","principal":null,"userId":"anonymous","initializeParams":{},"protocolVersion":"2025-06-18","capabilities":{},"logLevel":null,"subscriptions":["a"],"hasGetStream":false,"backend":"stable","slot":"0","upstreamId":"x","epoch":1,"createdAtMs":1,"lastActivityMs":1,"isTombstone":false}',
];

/** What another process of the mesh, or whoever got hold of Redis, may have written there; then a call of a session that is concerned. */
export const redisContent: Surface = {
  name: 'redis',
  share: 3,
  seeds: TEXTS.map((text) => Buffer.from(text)),
  async execute(input, { rig, worker, random }) {
    const redis = clientOf(rig);
    const way = await rig.way(worker, random() < 0.5 ? 'fresh' : 'recovered', random);
    const session = way.headers['mcp-session-id'] ?? '';
    const digest = sessionDigest(session);
    const text = input.toString('latin1').replaceAll('"00"', `"${digest}"`);
    const value = random() < 0.6 ? mutateJson(text, random) : mutate(Buffer.from(text, 'latin1'), random, 4096);
    const key = REDIS.session('moving', digest);
    const field = pick(
      ['epoch', 'slot', 'record', 'version', 'at', 'ttl', 'dead', ...Object.values(COMPACT_FIELD)],
      random,
    );
    const shared = async (): Promise<string> =>
      REDIS.sharedPart('moving', (await redis.hget(key, COMPACT_FIELD.shared)) ?? 'none');
    const writes: (() => Promise<unknown>)[] = [
      () => redis.publish(pick(Object.values(CHANNEL), random), value),
      () => redis.publish(CHANNEL.sessions, value),
      () => redis.hset(key, field, value),
      async () => redis.set(await shared(), value, 'KEEPTTL'),
      async () => redis.del(await shared()),
      () => redis.set(REDIS.rollout('frugal'), value),
      () =>
        redis.hset(
          REDIS.breaker('frugal'),
          pick(['tool/x', 'order/tool/x', 'replica/abc', value.toString()], random),
          value,
        ),
      () => redis.hset(REDIS.slo('frugal'), pick(['a/1/stable', 'x', '//'], random), value),
    ];
    await pick(writes, random)().catch(() => undefined);
    const body = Buffer.from(JSON.stringify(callOf('echo')));
    const answer = await rig.client(worker).send(rig.mesh.url(way.server, way.gateway), {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'content-length': body.length,
        ...way.headers,
      },
    });
    return typeof answer === 'string' ? `${way.server}: ${answer}` : null;
  },
};
