import { connectRedis, type RedisClient } from '../../../../proto/redis/redis-client.ts';
import { sessionDigest } from '../../../../proto/session-record.ts';
import { REDIS } from '../../../../proto/wire.ts';
import { holdfast } from '../../e2e/holdfast-command.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh } from '../attack-mesh.ts';
import { exchange } from '../http-client.ts';

const SERVER = 'moving';
const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u202eevil\u2066\r\n<img src=x onerror=alert(1)>';

interface Target {
  redis: RedisClient;
  key: string;
  digest: string;
  slot: string;
}
/** What somebody who can write to Redis makes of a session's record. */
type Write = (target: Target) => Promise<unknown>;

const field =
  (...pairs: [name: string, value: string | Buffer][]): Write =>
  async ({ redis, key }) => {
    for (const [name, value] of pairs) await redis.hset(key, name, value);
  };
const move = (more: object): object => ({
  ...{ atMs: 1, reason: 'drain', tookMs: 1, fromSlot: 'a', toSlot: 'b', from: 'x', to: 'y', ...more },
});
const moves = (...list: object[]): Write => field(['x', JSON.stringify({ moves: list })], ['epoch', '1']);
/** What it shares with others: an object of its own, under a name that is no digest of it. */
const shared =
  (more: object): Write =>
  async ({ redis, key }) => {
    const whole = {
      type: 'http',
      backend: 'stable',
      initializeParams: INITIALIZE.params,
      protocolVersion: '2025-06-18',
    };
    await redis.set(REDIS.sharedPart(SERVER, 'mallory'), JSON.stringify({ ...whole, capabilities: {}, ...more }));
    await redis.hset(key, 'f', 'mallory');
  };

const WRITES: Record<string, Write> = {
  'created-beyond-dates': field(['c', '1e300']),
  'created-before-dates': field(['c', '-9e15']),
  'created-no-number': field(['c', 'yesterday']),
  'active-beyond-dates': field(['at', '1e300']),
  'moved-beyond-dates': moves(move({ atMs: 1e300, tookMs: -1e300 })),
  'ended-beyond-dates': field(['dead', '1'], ['at', '1e18']),
  'move-of-prototype': moves(move({ reason: '__proto__', fromSlot: '__proto__', toSlot: 'constructor' })),
  'move-with-escapes': moves(move({ reason: ESCAPES, from: ESCAPES, to: ESCAPES, fromSlot: ESCAPES })),
  'moves-without-end': moves(...Array.from({ length: 50_000 }, (_, index) => move({ atMs: index }))),
  'move-of-a-megabyte': moves(move({ from: 'x'.repeat(1 << 20), reason: 'y'.repeat(1 << 20) })),
  'moves-no-list': field(['x', '{"moves":{"length":1e9}}']),
  'rest-too-deep': field(['x', `{"moves":${'['.repeat(20_000)}${']'.repeat(20_000)}}`]),
  'rest-overwrites-all': field(['x', '{"server":"jwt","digest":"0","isTombstone":true,"__proto__":{"a":1}}']),
  'epoch-too-large': field(['epoch', '1e300']),
  'epoch-negative': field(['epoch', '-1']),
  'version-of-tomorrow': field(['version', '9999']),
  'version-no-number': field(['version', '']),
  'slot-of-nobody': field(['slot', '../../__proto__']),
  'upstream-with-lines': field(['u', `a\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1`]),
  'upstream-of-a-megabyte': field(['u', 'u'.repeat(1 << 20)]),
  'upstream-latin1': field(['u', Buffer.from([0xff, 0xfe, 0x00, 0x80])]),
  'principal-of-no-digest': field(['p', ESCAPES]),
  'credentials-of-no-digest': field(['k', Buffer.alloc(1 << 16, 1)]),
  'client-with-escapes': shared({ initializeParams: { clientInfo: { name: ESCAPES, version: ESCAPES } } }),
  'client-of-a-megabyte': shared({ initializeParams: { clientInfo: { name: 'n'.repeat(1 << 20), version: 7 } } }),
  'client-no-text': shared({ initializeParams: { clientInfo: { name: { toString: 1 }, version: [] } } }),
  'params-no-object': shared({ initializeParams: 'x' }),
  'shared-of-nothing': field(['f', 'nobody-has-this']),
  'shared-with-colons': field(['f', '../shared:x}{:']),
  'shared-no-object': async ({ redis, key }) => {
    await redis.set(REDIS.sharedPart(SERVER, 'list'), '[]');
    await redis.hset(key, 'f', 'list');
  },
  'shared-no-text': async ({ redis, key }) => {
    await redis.rpush(REDIS.sharedPart(SERVER, 'queue'), 'x');
    await redis.hset(key, 'f', 'queue');
  },
  'record-no-hash': async ({ redis, key }) => {
    await redis.del(key);
    await redis.set(key, 'x');
  },
  'index-of-garbage': async ({ redis, slot }) => {
    const index = REDIS.slotIndex(SERVER, slot);
    for (let count = 0; count < 300; count++) await redis.zadd(index, 9e15 + count, `\u001b[2J${count}}{:`);
    await redis.zadd(index, 'inf', Buffer.alloc(32, 0xff));
  },
  'index-no-set': async ({ redis, slot }) => {
    await redis.del(REDIS.slotIndex(SERVER, slot));
    await redis.set(REDIS.slotIndex(SERVER, slot), 'x');
  },
};

/** A terminal obeys these, whoever wrote them. */
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const MOST_BYTES = 256 << 10;

/** Where the command, which takes seconds to start, is tried as well. */
const SHOWN_BY_COMMAND = /moved-beyond-dates|with-escapes|garbage/;

/** What operators see of it: a sentence, however odd, and never a stack. */
async function shownToOperators({ mesh }: AttackMesh, digest: string, hasCommand: boolean): Promise<string[]> {
  const problems: string[] = [];
  const url = mesh.controlPlane.adminUrl;
  for (const path of [
    `/v1/sessions?server=${SERVER}`,
    `/v1/sessions?digest=${digest}`,
    `/v1/sessions/${SERVER}/${digest}`,
  ]) {
    const { status, body } = await exchange(`${url}${path}`, { method: 'GET', from: '127.0.0.1' });
    if (![200, 404, 503].includes(status)) problems.push(`${path.slice(0, 20)} ${status} ${body.slice(0, 100)}`);
    if (body.length > MOST_BYTES) problems.push(`${path.slice(0, 20)} has ${body.length} bytes`);
  }
  const commands = [
    ['sessions', '--server', SERVER],
    ['sessions', digest],
  ];
  for (const words of hasCommand ? commands : []) {
    const { code, out, err } = await holdfast(url, ...words);
    const text = out + err;
    if (CONTROLS.test(text)) problems.push(`${words[0]}: a control character`);
    if (/\n {4}at |RangeError|TypeError/.test(text))
      problems.push(`${words.join(' ').slice(0, 20)}: ${err.slice(0, 100)}`);
    if (![0, 1, 2].includes(code)) problems.push(`${words[0]}: exit ${code}`);
  }
  return problems;
}

export const sessionRecords: AttackCase[] = casesOf(
  'session-records',
  { finding: 'R1', goal: 'its session may be lost; others go on, and operators see sentences' },
  Object.fromEntries(Object.entries(WRITES).map(([name, write]) => [name, { name, write }])),
  async (attacked, { name, write }) => {
    const redis = connectRedis(attacked.mesh.redis?.url ?? '');
    try {
      const session = await attacked.session(SERVER);
      const digest = sessionDigest(session);
      const key = REDIS.session(SERVER, digest);
      await attacked.rpc(SERVER, callOf('echo'), { session });
      attacked.reset(SERVER);
      await write({ redis, key, digest, slot: session.split('~')[0] ?? '' });
      const statuses: number[] = [];
      for (const gateway of [0, 1, 0, 1]) {
        if (statuses.length === 2) for (const replica of attacked.replicas[SERVER]) replica.forget();
        statuses.push((await attacked.rpc(SERVER, callOf('echo'), { session, gateway })).status);
      }
      const problems = await shownToOperators(attacked, digest, SHOWN_BY_COMMAND.test(name));
      const ended = await attacked.send(SERVER, { session, gateway: 1, method: 'DELETE' });
      const injected = attacked.replicas[SERVER].some(({ seen }) => seen.some(({ headers }) => 'x-evil' in headers));
      await redis.del(key, REDIS.slotIndex(SERVER, session.split('~')[0] ?? ''));
      const fresh = await attacked.session(SERVER);
      const call = await attacked.rpc(SERVER, callOf('echo'), { session: fresh, gateway: 1 });
      return judge(
        {
          'an answer each time': [...statuses, ended.status].every((status) => [200, 404, 503].includes(status)),
          'no header of its own reaches a replica': !injected,
          'operators see sentences': problems.length === 0,
          'others go on': call.status === 200,
        },
        [`${statuses.join(', ')}, DELETE ${ended.status}`, ...problems].join('; '),
      );
    } finally {
      redis.disconnect();
    }
  },
);
