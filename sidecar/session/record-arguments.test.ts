import anyTest, { type TestFn } from 'ava';
import { randomUUID } from 'node:crypto';
import { COMPACT_FIELD, doorName, encodeCompact } from '../../proto/compact-record.ts';
import { sessionDigest, userIdOf, type SessionRecord } from '../../proto/session-record.ts';
import { REDIS } from '../../proto/wire.ts';
import { sampleRecord } from './testing/sample-record.ts';
import { startStores, STORE_KINDS, stopStores, type StoreContext } from './testing/store-kinds.ts';

const test = anyTest as TestFn<StoreContext>;
test.before(async (t) => {
  t.context = await startStores();
});
test.after.always((t) => stopStores(t.context));
const fresh = (): string => `1~${randomUUID()}`;
const hex = (letter: string): string => letter.repeat(64);
const boundRecord = (changes: Partial<SessionRecord> = {}): SessionRecord =>
  sampleRecord({
    clientId: `1p~${randomUUID()}`,
    upstreamId: randomUUID(),
    principal: hex('a'),
    userId: userIdOf(hex('a')),
    credentials: hex('b'),
    hasCredentials: true,
    ...changes,
  });

const CASES: Record<string, Partial<SessionRecord>> = {
  'of a principal': boundRecord(),
  'of nobody': { credentials: null, hasCredentials: false },
  'of an older version, which did not keep credentials': {},
  'with all that is rare': {
    type: 'sse',
    holder: 'relay',
    logLevel: 'debug',
    subscriptions: ['file:///ä'],
    hasGetStream: true,
    polled: [{ eventId: '1', upstreamSession: 'u', ids: ['1'] }],
    initializeParams: null,
    capabilities: {},
    protocolVersion: '',
  },
  'with digests and a user of another kind': {
    principal: 'ann',
    credentials: 'key',
    userId: 'Ann',
    hasCredentials: true,
  },
  'with a field that this version does not know': { region: 'north' } as Partial<SessionRecord>,
};
for (const [title, changes] of Object.entries(CASES)) {
  test(`a compact record ${title} comes back as it was`, async (t) => {
    const [store, other] = STORE_KINDS['Redis, compact']!(t.context);
    const record = { ...sampleRecord({ clientId: fresh() }), ...changes };
    t.is(await store.create(record, 60), 'ok');
    t.deepEqual(await other.find('linear', record.digest), record);
  });
}

test('no part of a usual record is longer than 64 bytes: Redis keeps its hash compact without being told', async (t) => {
  const [store] = STORE_KINDS['Redis, compact']!(t.context);
  const record = boundRecord(),
    key = REDIS.session('linear', record.digest);
  await store.create(record, 60);
  t.is(await t.context.client.call('OBJECT', 'ENCODING', key), 'listpack');
  t.is(await t.context.client.hget(key, 'record'), null);
});

test('what sessions share is there once, lives as long as the last of them, and a session is nothing without it', async (t) => {
  const [store, other] = STORE_KINDS['Redis, compact']!(t.context),
    { client } = t.context;
  const server = `s-${randomUUID()}`,
    [brief, long] = [sampleRecord({ server, clientId: fresh() }), sampleRecord({ server, clientId: fresh() })],
    key = REDIS.sharedPart(server, encodeCompact(brief).shared.name);
  await store.create(brief, 600, 30);
  t.true((await client.ttl(key)) <= 30, 'a session that nobody uses keeps nothing for long');
  await store.create(long, 600);
  t.true((await client.ttl(key)) > 500);
  await client.expire(key, 40);
  await store.touch([{ server, digest: long.digest, atMs: Date.now() }]);
  t.true((await client.ttl(key)) > 500);
  t.is((await client.keys(REDIS.sharedPart(server, '*'))).length, 1);
  await client.del(key);
  // Whoever has read it before knows it still.
  const late = STORE_KINDS['Redis, plain and compact']!(t.context)[1];
  t.is(await late.find(server, long.digest), null);
  t.like(await late.tombstone(server, long.digest, 60), { slot: '1', upstreamId: long.upstreamId });
  t.like(await other.find(server, long.digest), { isTombstone: true });
});

test('the door of an unbound form is a small key, which another form of the record leaves alone', async (t) => {
  const [plain, compact] = STORE_KINDS['Redis, plain and compact']!(t.context),
    { client } = t.context;
  const record = boundRecord(),
    form = sessionDigest(`1~${record.upstreamId}`),
    door = REDIS.door('linear', doorName(form));
  await compact.create(record, 600);
  t.is(await client.get(door), '');
  t.is(await client.hget(REDIS.session('linear', record.digest), COMPACT_FIELD.door), doorName(form));
  t.is(await plain.update({ ...record, slot: '2', upstreamId: 'other', epoch: 1 }, 0), 'ok');
  for (const ended of [form, sessionDigest('2~other')])
    t.like(await compact.find('linear', ended), { isTombstone: true });
  const fields = await client.hkeys(REDIS.session('linear', record.digest));
  t.deepEqual(fields.toSorted(), ['at', 'epoch', 'record', 'rev', 'slot', 'ttl', 'unbound', 'upstream', 'version']);
});

test('an earlier version, which reads no compact record, neither rewrites one nor takes it for none', async (t) => {
  const [store] = STORE_KINDS['Redis, compact']!(t.context);
  const record = boundRecord();
  await store.create(record, 60);
  const [version, epoch, whole] = await t.context.client.hmget(
    REDIS.session('linear', record.digest),
    ...['version', 'epoch', 'record'],
  );
  // It reads `record` and fails, so the session counts as one that nobody can say anything of. Its scripts compare `version` with 1, and give up.
  t.deepEqual([version, epoch, whole], ['2', '0', null]);
});
