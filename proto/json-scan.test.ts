import test from 'ava';
import * as fc from 'fast-check';
import { MAX_BATCH, messagesOf, readRpcBody } from './json-rpc.ts';
import { skipSpace, skipValue } from './json-scan.ts';
import { MAX_JSON_DEPTH, parseJson, type Json } from './parse-json.ts';

const scans = (bytes: Buffer): boolean => {
  const end = skipValue(bytes, skipSpace(bytes, 0));
  return end >= 0 && skipSpace(bytes, end) === bytes.length;
};
const kindOf = (value: Json | undefined): string => {
  if (value === undefined || typeof value !== 'object' || value === null) return 'invalid';
  if (!Array.isArray(value)) return 'single';
  return value.length > 0 && value.length <= MAX_BATCH ? 'batch' : 'invalid';
};
const agree = (bytes: Buffer): boolean => {
  const value = parseJson(bytes);
  return scans(bytes) === (value !== undefined) && readRpcBody(bytes).kind === kindOf(value);
};

const SAMPLES: readonly [string, string][] = [
  [
    'unknown literals',
    '{"a":bad}|{"a":tru}|{"a":True}|{"a":nul}|{"a":undefined}|{"a":NaN}|{"a":truex}|{x}|{"a":Infinity}',
  ],
  [
    'numbers',
    '{"a":01}|{"a":-}|{"a":+1}|{"a":.5}|{"a":1.}|{"a":1e}|{"a":1e+}|{"a":0x1}|{"a":--1}|{"a":1_0}|{"a":-0.0e-0}|1E5',
  ],
  ['commas', '{"a":1,}|[1,]|[,1]|{,}|{"a":1,,"b":2}|[1 2]|{"a" 1}|{"a":}|{:1}'],
  ['escapes', '"\\x"|"\\u12"|"\\u12G4"|"\\u00e9"|"\\ud800"|"\\"|"\\\\"|{"\\u0069d":1}|{"\\q":1}'],
  ['control characters', '"a\u0000"|"a\tb"|"a\nb"|\u0000{}|{}\u0000|{\u000b}|{"a":1\u00a0}|{}\u2028'],
  ['ends', '{}{}|{} x|[]]|}|{"a":"|"open|{"a":1|[[1]'],
  ['duplicate keys', '{"id":1,"id":2,"method":"a","method":3}|{"id":1,"\\u0069d":"x"}'],
  ['byte order mark', '\ufeff{}|{\ufeff}|{"a":"\ufeff"}'],
  ['comments and quotes', "{/**/}|{'a':1}|//\n{}|{a:1}|`x`"],
  ['empty', '| |\t\r\n|[]|{}|[{}]|[null]|[[]]|5|"x"|null'],
];
for (const [title, texts] of SAMPLES)
  test(`scanner and parser agree on ${title}`, (t) => {
    for (const text of texts.split('|')) t.true(agree(Buffer.from(text)), JSON.stringify(text));
  });

test('scanner and parser agree on bytes that are no UTF-8', (t) => {
  const cases = [
    [0x22, 0xff, 0x22],
    [0x22, 0xc3, 0x22],
    [0x22, 0xe2, 0x82, 0x22],
    [0xc0, 0xa2],
    [0x7b, 0xed, 0xa0, 0x80, 0x7d],
  ];
  for (const bytes of cases) t.true(agree(Buffer.from(bytes)), String(bytes));
});

test('scanner and parser agree on nesting up to the limit and beyond it, in a batch as well', (t) => {
  for (const depth of [1, MAX_JSON_DEPTH - 1, MAX_JSON_DEPTH, MAX_JSON_DEPTH + 1, 6000, 1_000_000])
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const inner = open === '[' ? '' : '1';
      t.true(agree(Buffer.from(open.repeat(depth) + inner + close.repeat(depth))), `${open} ${depth}`);
      t.true(agree(Buffer.from(open.repeat(depth))), `open ${open} ${depth}`);
      t.true(
        agree(Buffer.from(`[${open.repeat(depth)}${inner}${close.repeat(depth)}]`)),
        `in a batch ${open} ${depth}`,
      );
    }
});

test('scanner and parser agree on every JSON text and on every text with a byte or a piece changed', (t) => {
  const pieces = fc.constantFrom(
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '0',
    '-',
    '.',
    'e',
    'u',
    't',
    'n',
    ' ',
    '\n',
    '\u0001',
    'true',
    '\\u',
    'é',
  );
  const text = fc.oneof(
    fc.json(),
    fc.array(fc.json(), { maxLength: 3 }).map((all) => `[${all.join()}]`),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(3), pieces, (json, at, drop, piece) => {
        const bytes = Buffer.from(json);
        const cut = at % (bytes.length + 1);
        const changed = Buffer.concat([bytes.subarray(0, cut), Buffer.from(piece), bytes.subarray(cut + drop)]);
        return agree(bytes) && agree(changed);
      }),
      { numRuns: 3000 },
    ),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => agree(Buffer.from(bytes))),
      { numRuns: 3000 },
    ),
  );
});

test('scanner and parser agree on long strings, wherever in memory and whatever stands in them', (t) => {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.nat(400).map((length) => 'é-plain_'.repeat(50).slice(0, length)) },
    fc.constantFrom(
      '\\"',
      '\\\\',
      '\\n',
      '\\u00e9',
      '\\u00g9',
      '\\x',
      '\n',
      '\u0001',
      '"',
      '\u001f',
      ' ',
      '\u007f',
      '\\',
    ),
  );
  const apart = (text: string, offset: number): Buffer => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.alloc(offset, '"'), bytes]).subarray(offset);
  };
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(7), (pieces, offset) => {
        const text = pieces.join('');
        return agree(apart(`"${text}"`, offset)) && agree(apart(`{"${text}":["${text}","${text}"]}`, offset));
      }),
      { numRuns: 3000 },
    ),
  );
  // Each place of a control character within a word, before and behind the end of the string.
  for (let at = 0; at < 300; at++)
    for (const byte of ['\u0000', '\u001f', '\u007f'])
      t.true(agree(apart(`["${'x'.repeat(at)}${byte}${'y'.repeat(300 - at)}","z"]`, at % 4)), `${at} ${byte}`);
});

test('of duplicate members the last one counts alone, as the parser has it', (t) => {
  const read = (text: string) => messagesOf(readRpcBody(Buffer.from(text)))[0];
  t.is(read('{"id":1,"method":"a","params":{"name":"x"},"params":{"uri":"y"}}')?.name, null);
  t.is(read('{"id":1,"method":"a","params":{"name":"x"},"params":1}')?.name, null);
  t.is(read('{"id":1,"error":{"code":1},"error":{}}')?.errorCode, null);
  t.is(read('{"id":1,"result":{"isError":true},"result":[]}')?.isToolError, false);
  const claim = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}';
  t.is(read(`{"id":1,"method":"a","params":{${claim},"_meta":{}}}`)?.claimedVersion, null);
  t.is(read(`{"params":{${claim}},"id":1,"method":"a"}`)?.claimedVersion, '2026-07-28');
});
