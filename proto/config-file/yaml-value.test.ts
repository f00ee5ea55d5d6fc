import test from 'ava';
import { parseDocument } from 'yaml';
import { yamlValue } from './yaml-value.ts';

/** Ten lines that stand for ten billion texts. */
const bomb = (): string => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let n = 1; n < 10; n++)
    lines.push(
      `a${n}: &a${n} [${Array<string>(10)
        .fill(`*a${n - 1}`)
        .join(', ')}]`,
    );
  return lines.join('\n');
};

test('aliases of aliases, and a value that holds itself, are a problem and no exception; a few aliases are fine', (t) => {
  t.like(yamlValue(parseDocument(bomb())), { problem: 'Excessive alias count indicates a resource exhaustion attack' });
  t.regex(JSON.stringify(yamlValue(parseDocument('a: &a [*a]'))), /"problem":"Converting circular structure/);
  t.deepEqual(yamlValue(parseDocument('a: &a [1]\nb: *a')), { value: { a: [1], b: [1] } });
});
