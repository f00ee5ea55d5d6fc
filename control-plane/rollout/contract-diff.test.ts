import test from 'ava';
import * as fc from 'fast-check';
import type { ToolDescription } from '../probe/tool-description.ts';
import { contractDiff } from './contract-diff.ts';

const tool = (more: Partial<ToolDescription> = {}): ToolDescription => ({
  name: 'search',
  description: 'Finds issues',
  inputSchema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
  ...more,
});
const input = (properties: object, more: object = {}): ToolDescription =>
  tool({ inputSchema: { type: 'object', properties, ...more } });
const output = (properties: object, more: object = {}): ToolDescription =>
  tool({ outputSchema: { type: 'object', properties, ...more } });
const hints = (annotations: Record<string, unknown>): ToolDescription => tool({ annotations });

/** before, after, and every change as `level: says`. */
const TABLE: Array<[title: string, before: ToolDescription[], after: ToolDescription[], changes: string[]]> = [
  ['the same list', [tool()], [tool()], []],
  ['the same list in another order', [tool(), tool({ name: 'add' })], [tool({ name: 'add' }), tool()], []],
  [
    'schemas whose keys are in another order',
    [tool({ inputSchema: { type: 'object', properties: {} } })],
    [tool({ inputSchema: { properties: {}, type: 'object' } })],
    [],
  ],
  ['a removed tool', [tool(), tool({ name: 'add' })], [tool()], ['breaking: removed']],
  ['a new tool', [tool()], [tool(), tool({ name: 'add' })], ['info: new']],
  ['a renamed tool', [tool()], [tool({ name: 'find' })], ['breaking: removed', 'info: new']],
  [
    'a new required argument',
    [input({ a: {} })],
    [input({ a: {}, b: {} }, { required: ['b'] })],
    ['breaking: input `b`: new and required'],
  ],
  ['a new optional argument', [input({ a: {} })], [input({ a: {}, b: {} })], ['info: input `b`: new']],
  [
    'an argument that becomes required',
    [input({ a: {} })],
    [input({ a: {} }, { required: ['a'] })],
    ['breaking: input `a`: required from now on'],
  ],
  [
    'an argument that is no longer required',
    [input({ a: {} }, { required: ['a'] })],
    [input({ a: {} })],
    ['info: input `a`: no longer required'],
  ],
  [
    'a removed argument that is now ignored',
    [input({ a: {}, b: {} })],
    [input({ a: {} })],
    ['warning: input `b`: removed'],
  ],
  [
    'a removed argument that is now refused',
    [input({ a: {}, b: {} }, { additionalProperties: false })],
    [input({ a: {} }, { additionalProperties: false })],
    ['breaking: input `b`: removed, and unknown properties are refused'],
  ],
  [
    'unknown arguments refused from now on',
    [input({ a: {} })],
    [input({ a: {} }, { additionalProperties: false })],
    ['breaking: input unknown properties are refused from now on'],
  ],
  [
    'another type',
    [input({ a: { type: 'string' } })],
    [input({ a: { type: 'number' } })],
    ['breaking: input `a`: type "string" → "number"'],
  ],
  [
    'a wider type',
    [input({ a: { type: 'integer' } })],
    [input({ a: { type: 'number' } })],
    ['info: input `a`: type "integer" → "number"'],
  ],
  [
    'a narrower type',
    [input({ a: { type: ['string', 'null'] } })],
    [input({ a: { type: 'string' } })],
    ['breaking: input `a`: type ["string","null"] → "string"'],
  ],
  [
    'a value less in an enum',
    [input({ a: { enum: ['x', 'y'] } })],
    [input({ a: { enum: ['x'] } })],
    ['breaking: input `a`: no more ["y"]'],
  ],
  [
    'a value more in an enum',
    [input({ a: { enum: ['x'] } })],
    [input({ a: { enum: ['x', 'y'] } })],
    ['info: input `a`: also ["y"]'],
  ],
  [
    'an enum where there was none',
    [input({ a: { type: 'string' } })],
    [input({ a: { type: 'string', enum: ['x'] } })],
    ['breaking: input `a`: only ["x"] from now on'],
  ],
  [
    'a tighter bound',
    [input({ a: { maximum: 100 } })],
    [input({ a: { maximum: 50 } })],
    ['breaking: input `a`: maximum 100 → 50'],
  ],
  ['a looser bound', [input({ a: { minLength: 3 } })], [input({ a: {} })], ['info: input `a`: minLength 3 → any']],
  [
    'a pattern where there was none',
    [input({ a: {} })],
    [input({ a: { pattern: '^x' } })],
    ['breaking: input `a`: pattern any → "^x"'],
  ],
  [
    'another pattern',
    [input({ a: { pattern: '^x' } })],
    [input({ a: { pattern: '^y' } })],
    ['warning: input `a`: pattern "^x" → "^y"'],
  ],
  [
    'another default',
    [input({ a: { default: 1 } })],
    [input({ a: { default: 2 } })],
    ['warning: input `a`: default 1 → 2'],
  ],
  [
    'a change deep inside',
    [input({ a: { type: 'array', items: { type: 'object', properties: { b: { type: 'string' } } } } })],
    [input({ a: { type: 'array', items: { type: 'object', properties: { b: { type: 'string', maxLength: 5 } } } } })],
    ['breaking: input `a[].b`: maxLength any → 5'],
  ],
  [
    'an alternative less',
    [input({ a: { anyOf: [{ type: 'string' }, { type: 'null' }] } })],
    [input({ a: { anyOf: [{ type: 'string' }] } })],
    ['breaking: input `a`: 1 alternative(s) of anyOf removed'],
  ],
  [
    'a definition changed behind a $ref',
    [
      tool({
        inputSchema: { type: 'object', properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: { type: 'string' } } },
      }),
    ],
    [
      tool({
        inputSchema: {
          type: 'object',
          properties: { a: { $ref: '#/$defs/A' } },
          $defs: { A: { type: 'string', minLength: 1 } },
        },
      }),
    ],
    ['breaking: input `a`: minLength any → 1'],
  ],
  [
    'an argument’s description',
    [input({ a: { description: 'x' } })],
    [input({ a: { description: 'y' } })],
    ['info: input `a`: description changed'],
  ],
  [
    'the tool’s description',
    [tool()],
    [tool({ description: 'Finds nothing' })],
    ['warning: description changed: models may use it differently'],
  ],
  ['only white space in the description', [tool()], [tool({ description: ' Finds \n issues ' })], []],
  ['another title', [tool({ title: 'A' })], [tool({ title: 'B' })], ['info: title changed']],
  ['no longer read-only', [hints({ readOnlyHint: true })], [hints({})], ['breaking: readOnlyHint true → false']],
  [
    'no longer idempotent',
    [hints({ idempotentHint: true })],
    [hints({ idempotentHint: false })],
    ['breaking: idempotentHint true → false'],
  ],
  [
    'destructive from now on',
    [hints({ destructiveHint: false })],
    [hints({})],
    ['warning: destructiveHint false → true'],
  ],
  ['read-only from now on', [hints({})], [hints({ readOnlyHint: true })], ['info: readOnlyHint false → true']],
  [
    'no output schema any more',
    [output({ a: {} })],
    [tool()],
    ['breaking: output schema removed: no structured content is promised any more'],
  ],
  ['an output schema from now on', [tool()], [output({ a: {} })], ['info: output schema added']],
  ['an output property less', [output({ a: {}, b: {} })], [output({ a: {} })], ['breaking: output `b`: removed']],
  ['an output property more', [output({ a: {} })], [output({ a: {}, b: {} })], ['info: output `b`: new']],
  [
    'an output property more where clients refuse it',
    [output({ a: {} }, { additionalProperties: false })],
    [output({ a: {}, b: {} }, { additionalProperties: false })],
    ['breaking: output `b`: new where unknown properties were refused'],
  ],
  [
    'an output property that may be missing',
    [output({ a: {} }, { required: ['a'] })],
    [output({ a: {} })],
    ['breaking: output `a`: no longer required'],
  ],
  [
    'a wider output type',
    [output({ a: { type: 'string' } })],
    [output({ a: { type: ['string', 'null'] } })],
    ['breaking: output `a`: type "string" → ["string","null"]'],
  ],
  [
    'a narrower output type',
    [output({ a: { type: 'number' } })],
    [output({ a: { type: 'integer' } })],
    ['info: output `a`: type "number" → "integer"'],
  ],
];

for (const [title, before, after, changes] of TABLE) {
  test(`contract: ${title}`, (t) => {
    t.deepEqual(
      contractDiff(before, after).map(({ level, description }) => `${level}: ${description}`),
      changes,
    );
  });
}

test('a schema that refers to itself is compared to an end', (t) => {
  const tree = (extra: object) =>
    tool({
      inputSchema: {
        $ref: '#/$defs/T',
        $defs: { T: { type: 'object', properties: { child: { $ref: '#/$defs/T' }, ...extra } } },
      },
    });
  t.deepEqual(
    contractDiff([tree({ a: { type: 'string' } })], [tree({ a: { type: 'number' } })]).map(
      ({ description }) => description,
    ),
    ['input `a`: type "string" → "number"'],
  );
  const wide = (type: string) =>
    tool({
      inputSchema: {
        $ref: '#/$defs/T',
        $defs: {
          T: { type, properties: Object.fromEntries(Array.from('abcdefgh', (name) => [name, { $ref: '#/$defs/T' }])) },
        },
      },
    });
  t.deepEqual(contractDiff([wide('object')], [wide('array')]).length, 1);
});

test('any two lists can be compared, equal ones have no changes, and the worst comes first', (t) => {
  const schema = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue(),
      fc.record(
        {
          type: fc.constantFrom('object', 'string', ['string', 'null']),
          properties: fc.dictionary(fc.string(), tie('any')),
          required: fc.array(fc.string()),
          enum: fc.array(fc.nat(3)),
          items: tie('any'),
        },
        { requiredKeys: [] },
      ),
    ),
  })).any;
  const tools = fc.array(
    fc.record(
      { name: fc.constantFrom('a', 'b', 'c'), description: fc.string(), inputSchema: schema, outputSchema: schema },
      { requiredKeys: ['name'] },
    ),
  ) as fc.Arbitrary<ToolDescription[]>;
  t.notThrows(() =>
    fc.assert(
      fc.property(tools, tools, (one, other) => {
        if (contractDiff(one, one).length > 0) return false;
        const levels = contractDiff(one, other).map(({ level }) => ['breaking', 'warning', 'info'].indexOf(level));
        return levels.every((level, index) => index === 0 || level >= levels[index - 1]!);
      }),
      { numRuns: 300 },
    ),
  );
});
