import test from 'ava';
import fc from 'fast-check';
import { LayeredMap } from './layered-map.ts';

const change = fc.tuple(fc.integer({ min: 0, max: 90 }), fc.boolean());

test('a layered map holds what a map would hold after the same changes, and those before it hold what they held', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 50 })), fc.array(change, { maxLength: 300 }), (first, all) => {
      const plain = new Map(first.map((key) => [key, { at: -1 }]));
      let layered = LayeredMap.of(plain);
      const before = layered,
        held = [...before];
      for (const [at, [key, isThere]] of all.entries()) {
        layered = isThere ? layered.with(key, { at }) : layered.without(key);
        if (isThere) plain.set(key, { at });
        else plain.delete(key);
        t.is(layered.size, plain.size);
        t.is(layered.get(key)?.at, plain.get(key)?.at);
      }
      const byKey = (entries: Iterable<[number, object]>) => [...entries].sort(([a], [b]) => a - b);
      t.deepEqual(byKey(layered), byKey(plain));
      t.deepEqual(
        [...layered.keys()].sort((a, b) => a - b),
        [...plain.keys()].sort((a, b) => a - b),
      );
      t.is([...layered.values()].length, plain.size);
      let seen = 0;
      const isInPlain = ({ at }: { at: number }, key: number): boolean => {
        seen += 1;
        return plain.get(key)?.at === at;
      };
      t.true(layered.every(isInPlain));
      t.is(seen, plain.size);
      let asked = 0;
      const never = (): boolean => {
        asked += 1;
        return false;
      };
      t.is(layered.every(never), plain.size === 0);
      t.is(asked, Math.min(1, plain.size), 'the first that does not hold is the last that is asked');
      t.deepEqual([...before], held);
    }),
    { numRuns: 60 },
  );
});
