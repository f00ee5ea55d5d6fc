import test from 'ava';
import fc from 'fast-check';
import { ByStream } from './by-stream.ts';

test('it knows what is open, in whatever order it is opened and ended', (t) => {
  const step = fc.record({ stream: fc.integer({ min: 1, max: 6 }), isOpening: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const open = new ByStream<{ stream: number }>(),
        model = new Map<number, { stream: number }>();
      for (const { stream, isOpening } of steps) {
        const one = { stream };
        if (!isOpening) t.is(open.delete(stream), model.delete(stream));
        else if (!model.has(stream)) {
          open.add(one);
          model.set(stream, one);
        }
        t.is(open.size, model.size);
        for (let each = 1; each <= 6; each++) t.is(open.get(each), model.get(each));
      }
      open.clear();
      t.deepEqual([open.size, open.get(1)], [0, undefined]);
    }),
    { numRuns: 500 },
  );
});
