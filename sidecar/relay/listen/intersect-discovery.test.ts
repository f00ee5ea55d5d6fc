import test from 'ava';
import fc from 'fast-check';
import { intersectDiscovery } from './intersect-discovery.ts';

test('versions and capabilities are those that all have; the rest is the first one’s', (t) => {
  t.deepEqual(
    intersectDiscovery([
      {
        supportedVersions: ['a', 'b'],
        capabilities: { tools: { listChanged: true }, prompts: {} },
        instructions: 'one',
        ttlMs: 9,
        cacheScope: 'public',
      },
      {
        supportedVersions: ['b', 'c'],
        capabilities: { tools: { listChanged: false, extra: 1 } },
        instructions: 'two',
        ttlMs: 5,
        cacheScope: 'private',
      },
    ]),
    {
      supportedVersions: ['b'],
      capabilities: { tools: { listChanged: false } },
      instructions: 'one',
      ttlMs: 5,
      cacheScope: 'private',
    },
  );
});

test('without a common version the first one’s are told', (t) => {
  t.deepEqual(intersectDiscovery([{ supportedVersions: ['a'] }, { supportedVersions: ['b'] }]).supportedVersions, [
    'a',
  ]);
});

test('replicas that say the same change nothing, and order does not change what is common', (t) => {
  const found = fc.record({
    supportedVersions: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')).map((some) => ['always', ...some]),
    capabilities: fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(fc.boolean(), fc.dictionary(fc.constantFrom('d', 'e'), fc.boolean())),
    ),
  });
  fc.assert(
    fc.property(found, found, (one, two) => {
      t.deepEqual(intersectDiscovery([one, one]), one);
      const there = intersectDiscovery([one, two]),
        back = intersectDiscovery([two, one]);
      t.deepEqual(there['capabilities'], back['capabilities']);
      t.deepEqual(
        [...(there['supportedVersions'] as string[])].sort(),
        [...(back['supportedVersions'] as string[])].sort(),
      );
    }),
  );
});
