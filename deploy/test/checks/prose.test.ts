import test from 'ava';
import { checks, problemsOf } from './checks.ts';
import { commentsOf } from './comments-of.ts';
import { longSentences } from './long-sentences.ts';

const words = (count: number, end = '.'): string =>
  `${Array.from({ length: count }, (_, at) => `w${at}`).join(' ')}${end}`;
const found = (markdown: string): Array<[line: number, words: number]> =>
  longSentences(markdown).map(({ line, words: count }) => [line, count]);

test('no sentence of a page or a comment is too long', async (t) => {
  const check = checks.find(({ title }) => title.startsWith('sentences'));
  t.deepEqual(check && (await problemsOf(check)), []);
});

test('a sentence has at most 25 words, over lines and in items of lists', (t) => {
  t.deepEqual(found(`# Title\n\n${words(25)} ${words(25)}\n`), []);
  t.deepEqual(found(`# Title\n\n${words(20, '')}\n${words(6)}\n`), [[3, 26]]);
  t.deepEqual(found(`* ${words(20, '')}\n* ${words(20, '')}\n  ${words(6)}\n`), [[2, 26]]);
  t.deepEqual(found(`1. ${words(26, '?')} ${words(26, '!')}`), [
    [1, 26],
    [1, 26],
  ]);
});

test('a cell of a table counts by itself, and in it what colons and semicolons divide', (t) => {
  t.deepEqual(found(`| ${words(20, '')} | ${words(20, ';')} ${words(20, ':')} ${words(20, '')} |`), []);
  t.deepEqual(found(`| a | ${words(26, '')} |`), [[1, 26]]);
  t.deepEqual(found(`${words(20, ';')} ${words(20)}`), [[1, 40]]);
});

test('code is no prose, and a link counts as its text', (t) => {
  t.deepEqual(found(`\`\`\`sh\n${words(40)}\n\`\`\`\n`), []);
  t.deepEqual(found(`${words(24, '')} \`${words(9, '')}\`.`), []);
  t.deepEqual(found(`${words(24, '')} [one](a/very/long/path.md).`), []);
  t.deepEqual(found('| `a | b` | c |'), []);
});

test('comments are found where they stand, and code is not', (t) => {
  const source = [
    `const url = 'http://host'; // ${words(26)}`,
    `/** ${words(26)} */`,
    `const text = '${words(40)}';`,
    '/**',
    ` * ${words(20, '')}`,
    ` * ${words(6)}`,
    ' */',
    `// ${words(20, '')}`,
    `// ${words(6)}`,
  ].join('\n');
  t.deepEqual(found(commentsOf(source)), [
    [1, 26],
    [2, 26],
    [5, 26],
    [8, 26],
  ]);
});
