import test from 'ava';
import fc from 'fast-check';
import { SharedCache } from './shared-cache.ts';

const answer = (result: unknown): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
const LIST = { method: 'tools/list', uri: null };

test('a result comes back as it was, with the id of who asks and the ttl that is left', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 3_600_000 }), fc.nat(), (value, ttlMs, passedMs) => {
      const cache = new SharedCache();
      t.true(cache.offer('s', 'k', LIST, answer({ value, ttlMs, cacheScope: 'public' }), 0, 0));
      const found = cache.find('s', 'k', '"mine"', passedMs);
      if (passedMs >= ttlMs) return t.is(found, null);
      return t.deepEqual(JSON.parse(found!.toString()), {
        jsonrpc: '2.0',
        id: 'mine',
        result: JSON.parse(JSON.stringify({ value, ttlMs: ttlMs - passedMs, cacheScope: 'public' })),
      });
    }),
  );
});

test('only complete public results with one sensible ttl are kept', (t) => {
  const cache = new SharedCache();
  for (const result of [
    {},
    { ttlMs: 5 },
    { ttlMs: 5, cacheScope: 'private' },
    { ttlMs: -5, cacheScope: 'public' },
    { ttlMs: '5', cacheScope: 'public' },
    { ttlMs: 1.5, cacheScope: 'public' },
    { ttlMs: 5, cacheScope: 'public', resultType: 'input_required' },
    7,
    null,
  ])
    t.false(cache.offer('s', 'k', LIST, answer(result), 0, 0), JSON.stringify(result));
  t.false(cache.offer('s', 'k', LIST, Buffer.from('{"result":{"ttlMs":5,"ttlMs":6,"cacheScope":"public"}}'), 0, 0));
  t.false(cache.offer('s', 'k', LIST, Buffer.from('{"result":{"ttlMs":5,"cacheScope":"public"'), 0, 0));
  t.is(cache.size, 0);
});

test('a change makes that server’s results of that kind old, those on their way included', (t) => {
  const cache = new SharedCache(),
    kept = answer({ ttlMs: 1000, cacheScope: 'public' });
  cache.offer('s', 'tools', LIST, kept, 0, 0);
  cache.offer('other', 'tools', LIST, kept, 0, 0);
  cache.offer('s', 'a', { method: 'resources/read', uri: 'a' }, kept, 0, 0);
  cache.offer('s', 'b', { method: 'resources/read', uri: 'b' }, kept, 0, 0);
  cache.changed('s', 'notifications/tools/list_changed', null);
  cache.changed('s', 'notifications/resources/updated', 'a');
  t.deepEqual([cache.find('s', 'tools', '1', 1), cache.find('s', 'a', '1', 1)], [null, null]);
  t.truthy(cache.find('other', 'tools', '1', 1));
  t.truthy(cache.find('s', 'b', '1', 1));
  t.false(cache.offer('s', 'tools', LIST, kept, 0, 0));
});

test('it does not grow without bound', (t) => {
  const cache = new SharedCache(),
    big = answer({ ttlMs: 1000, cacheScope: 'public', text: 'x'.repeat(900_000) });
  for (let i = 0; i < 200; i++) cache.offer('s', `k${i}`, LIST, big, 0, 0);
  t.true(cache.size <= 75 && cache.size > 60, String(cache.size));
  t.false(
    cache.offer('s', 'huge', LIST, answer({ ttlMs: 1000, cacheScope: 'public', text: 'x'.repeat(2 << 20) }), 0, 0),
  );
});
