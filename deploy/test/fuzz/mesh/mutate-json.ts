import { pick } from './surface.ts';

/** Values that readers of JSON stumble over, as text. */
const ODD = [
  'null',
  'true',
  '-0',
  '1e999',
  '-1e-999',
  '9007199254740993',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '{}',
  '[]',
  '[null]',
  '{"__proto__":{"toJSON":1}}',
  '{"":""}',
  '{x}',
  'bad',
  '"2026-07-28"',
  '"holdfast:1:2"',
  `${'['.repeat(700)}${']'.repeat(700)}`,
  `${'{"a":'.repeat(700)}1${'}'.repeat(700)}`,
  `"${'x'.repeat(20_000)}"`,
  `[${'1,'.repeat(2000)}1]`,
];

/** A JSON text with one to three of its values or keys replaced, by place: what is not JSON any more is welcome. */
export function mutateJson(text: string, random: () => number): string {
  let result = text;
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    const values = [...result.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[{}[\]]/g)];
    if (values.length === 0) return result;
    const { index, 0: value } = pick(values, random);
    const odd = random() < 0.2 ? '' : pick(ODD, random);
    result = result.slice(0, index) + odd + result.slice(index + value.length);
    if (result.length > 100_000) return result;
  }
  return result;
}
