import test from 'ava';
import { diffLines } from 'diff';
import { inject, uninject } from './inject.ts';
import { DEFAULTS } from './pod-parts.ts';
import type { CorpusCase } from './testing/corpus-case.ts';
import { CORPUS } from './testing/corpus.ts';
import { readDocuments, type ReadDocuments } from './yaml/read-manifests.ts';
import { transformText, type Transformed } from './yaml/transform-text.ts';

function read(text: string): ReadDocuments {
  const found = readDocuments(text);
  if ('problem' in found) throw new Error(found.problem);
  return found;
}
const injected = (text: string, { port }: CorpusCase): Transformed =>
  transformText(text, read(text), (before) => inject(before, { ...DEFAULTS, port }));
const uninjected = (text: string): Transformed => transformText(text, read(text), uninject);
const lines = (text: string): string => `${text.replaceAll('\r', '').trimEnd()}\n`;
/** Empty mappings and lists say the same as none. */
const meaning = (text: string): unknown =>
  JSON.parse(JSON.stringify(read(text).values.filter((each) => each !== null)), (_, value: unknown) =>
    value === null || (typeof value === 'object' && Object.keys(value as object).length === 0) ? undefined : value,
  );

test('the corpus has at least 60 manifests, each with a title of its own', (t) => {
  t.true(CORPUS.length >= 60, String(CORPUS.length));
  t.is(new Set(CORPUS.map(({ title }) => title)).size, CORPUS.length);
});

for (const each of CORPUS)
  test(`inject only adds, does nothing twice, and is undone: ${each.title}`, (t) => {
    const once = injected(each.text, each);
    t.regex(once.text, /holdfast-sidecar/);
    t.is(
      once.notes.some((note) => note.includes('written anew')),
      each.isRewritten ?? false,
    );
    if (each.isRewritten !== true) {
      // Lines in braces grow, a Service's port leads elsewhere, and a pod may get more time: no other line of what was there goes.
      const gone = diffLines(lines(each.text), lines(once.text))
        .filter(({ removed }) => removed)
        .flatMap(({ value }) => value.split(/\r?\n/).filter(Boolean));
      for (const line of gone) t.regex(line, /[{[]|:$|targetPort|port: 80|terminationGracePeriodSeconds/, each.title);
    }
    t.is(injected(once.text, each).text, once.text);
    t.deepEqual(meaning(uninjected(once.text).text), meaning(each.text));
    t.is(uninjected(each.text).text, each.text);
  });
