import test from 'ava';
import * as fc from 'fast-check';
import { MAX_JSON_DEPTH, parseJson, parseJsonObject } from './parse-json.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('every JSON text gives its value', async (t) => {
  await fc.assert(fc.property(fc.json(), (text) => t.deepEqual(parseJson(text), JSON.parse(text))));
  await fc.assert(fc.property(fc.json(), (text) => t.deepEqual(parseJson(Buffer.from(text)), JSON.parse(text))));
});

test('a malformed text is undefined, never an exception', async (t) => {
  for (const text of ['', '{', '{x}', '{"a":bad}', '[1,]', '"\\u12"', '\u0000', 'nul', '"open'])
    t.is(parseJson(text), undefined, text);
  await fc.assert(fc.property(fc.string(), (text) => t.notThrows(() => parseJson(text))));
});

test('a text nested deeper than the limit is undefined; brackets in strings do not count', (t) => {
  t.not(parseJson(nested(MAX_JSON_DEPTH)), undefined);
  t.is(parseJson(nested(MAX_JSON_DEPTH + 1)), undefined);
  t.is(parseJson(`${'{"a":'.repeat(6000)}1${'}'.repeat(6000)}`), undefined);
  t.is(parseJson('['.repeat(1_000_000)), undefined);
  const brackets = '['.repeat(10_000);
  t.is(parseJson(JSON.stringify(brackets)), brackets);
  t.is(parseJson(JSON.stringify(`\\"${brackets}`)), `\\"${brackets}`);
  // Brackets enough for the walk, strings with every run of backslashes before a quote, and a depth at the limit.
  for (let run = 0; run < 8; run++) {
    const awkward = JSON.stringify(`${'\\'.repeat(run)}"${brackets}${'\\'.repeat(run)}`);
    const wrapped = (depth: number): string => `${'['.repeat(depth)}${awkward}${']'.repeat(depth)}`;
    t.deepEqual(parseJson(wrapped(MAX_JSON_DEPTH)), JSON.parse(wrapped(MAX_JSON_DEPTH)));
    t.is(parseJson(wrapped(MAX_JSON_DEPTH + 1)), undefined);
  }
});

test('parseJsonObject takes objects only', (t) => {
  t.deepEqual(parseJsonObject('{"a":1}'), { a: 1 });
  for (const text of ['[]', '1', 'null', '"x"', '{']) t.is(parseJsonObject(text), undefined, text);
});
