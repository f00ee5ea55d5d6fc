import test from 'ava';
import fc from 'fast-check';
import { MAX_SERVER_TOOLS, mergeServerTools, readServerTool } from './server-tool.ts';

test('a listed tool is read with its hints, and only `true` is one', (t) => {
  t.deepEqual(readServerTool({ name: 'a', annotations: { readOnlyHint: true, idempotentHint: 'yes' } }), {
    name: 'a',
    isReadOnly: true,
    isIdempotent: false,
  });
  t.deepEqual(readServerTool({ name: 'a', annotations: null }), { name: 'a', isReadOnly: false, isIdempotent: false });
  for (const odd of [null, 1, 'a', [], {}, { name: 5 }, { name: '' }, { name: 'x'.repeat(129) }])
    t.is(readServerTool(odd), null, JSON.stringify(odd));
});

test('replicas that disagree about a tool make it less safe, and a tool of one of them is listed', (t) => {
  const safe = { name: 'a', annotations: { readOnlyHint: true, idempotentHint: true } };
  t.deepEqual(mergeServerTools([[safe, { name: 'b' }], [{ name: 'a', annotations: { idempotentHint: true } }]]), [
    { name: 'a', isReadOnly: false, isIdempotent: true },
    { name: 'b', isReadOnly: false, isIdempotent: false },
  ]);
});

test('the order of the replicas does not matter, and whatever they list is read', (t) => {
  const tool = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    annotations: fc.dictionary(fc.constantFrom('readOnlyHint', 'idempotentHint'), fc.boolean()),
  });
  fc.assert(
    fc.property(fc.array(fc.array(fc.oneof(tool, fc.jsonValue()), { maxLength: 5 }), { maxLength: 4 }), (lists) => {
      t.deepEqual(mergeServerTools(lists), mergeServerTools(lists.toReversed()));
    }),
  );
});

test('an endless list is cut', (t) => {
  const endless = Array.from({ length: MAX_SERVER_TOOLS + 10 }, (_, index) => ({ name: `t${index}` }));
  t.is(mergeServerTools([endless]).length, MAX_SERVER_TOOLS);
});
