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
