import test from 'ava';
import { sampleRecord } from './testing/sample-record.ts';
import { SessionCache } from './session-cache.ts';

test('large sessions take the place of many in the cache, whatever is changed of them', (t) => {
  const cache = new SessionCache(1000, 4 << 20);
  const large = (index: number) =>
    sampleRecord({ initializeParams: { filler: `${index}${'x'.repeat(15_000)}` }, subscriptions: [] });
  for (let index = 0; index < 300; index++) cache.set(`s:${index}`, large(index));
  t.true(cache.bytes <= 4 << 20);
  t.true(cache.size < 80);
  const { size, bytes } = cache;
  for (let index = 300 - size; index < 300; index++)
    cache.set(`s:${index}`, { ...large(index), subscriptions: ['a://b'] });
  t.is(cache.size, size);
  t.is(cache.bytes, bytes + size * 5);
  for (let index = 0; index < 300; index++) cache.delete(`s:${index}`);
  t.is(cache.bytes, 0);
  for (let index = 0; index < 1000; index++) cache.set(`s:${index}`, sampleRecord());
  t.is(cache.size, 1000);
});

test('the number on each slot follows what is replaced, evicted, deleted, expired and too large to keep', (t) => {
  const cache = new SessionCache(3, 1 << 20),
    counts = () => Object.fromEntries(cache.counts('linear'));
  const on = (slot: string, lastActivityMs = 10) => sampleRecord({ server: 'linear', slot, lastActivityMs });
  for (const [key, slot] of Object.entries({ a: 'k1', b: 'k1', c: 'k2' })) cache.set(key, on(slot));
  t.deepEqual(counts(), { k1: 2, k2: 1 });
  cache.set('a', on('k2'));
  t.deepEqual(counts(), { k1: 1, k2: 2 });
  cache.set('d', on('k3'));
  t.deepEqual(counts(), { k2: 2, k3: 1 }, 'b was unused the longest');
  cache.set('c', { ...on('k2'), subscriptions: ['x'.repeat(2 << 20)] });
  t.is(cache.get('c'), undefined);
  t.deepEqual(counts(), { k2: 1, k3: 1 });
  cache.get('a');
  cache.expire(({ slot }) => slot === 'k3');
  t.deepEqual(counts(), { k2: 1 });
  cache.delete('a');
  t.deepEqual([counts(), cache.size, cache.bytes], [{}, 0, 0]);
});
