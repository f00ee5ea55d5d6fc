import test from 'ava';
import * as fc from 'fast-check';
import { fileSharedState } from '../lease/file-shared-state.ts';
import { ConfigVersions } from './config-versions.ts';
import { KEPT_VERSIONS, restoreCredentials, withVersion } from './config-version.ts';
import { lineDiff } from './line-diff.ts';

test('each accepted configuration is a version; the same text twice is one', async (t) => {
  const state = await fileSharedState(null);
  const one = new ConfigVersions(state, 'a', () => 1),
    other = new ConfigVersions(state, 'b', () => 2);
  t.deepEqual(await one.accept('x: 1'), { version: 1, isNew: true });
  t.deepEqual(await other.accept('x: 1'), { version: 1, isNew: false });
  const both = await Promise.all([one.accept('x: 2'), other.accept('x: 2')]);
  t.deepEqual(
    both.map(({ version }) => version),
    [2, 2],
  );
  t.is(both.filter(({ isNew }) => isNew).length, 1);
  t.is((await one.accept('x: 1')).version, 3, 'going back is a version too');
  t.deepEqual(
    (await other.list()).map(({ version, text }) => `${version} ${text}`),
    ['1 x: 1', '2 x: 2', '3 x: 1'],
  );
  t.is(await one.get(9), undefined);
});

test('the oldest versions go, numbers go on', (t) => {
  let versions: ReturnType<typeof withVersion> = [];
  for (let count = 1; count <= KEPT_VERSIONS + 5; count++) versions = withVersion(versions, `x: ${count}`, 'a', 0);
  t.is(versions.length, KEPT_VERSIONS);
  t.is(versions[0]!.version, 6);
});

test('passwords are not kept; going back takes those of the present file, or says why it can not', (t) => {
  const [kept] = withVersion([], 'url: redis://me:secret@10.0.0.1:6379', 'a', 0);
  t.false(JSON.stringify(kept).includes('secret'));
  t.deepEqual(restoreCredentials(kept!.text, 'url: redis://me:newer@10.0.0.2:6379'), {
    text: 'url: redis://me:newer@10.0.0.1:6379',
  });
  t.regex((restoreCredentials(kept!.text, 'url: redis://10.0.0.2') as { problem: string }).problem, /has none/);
  t.deepEqual(restoreCredentials('a: 1', ''), { text: 'a: 1' });
});

test('a diff shows what changed with some lines around it', (t) => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].join('\n');
  t.deepEqual(lineDiff(before, before), []);
  t.deepEqual(lineDiff(before, before.replace('d', 'D'), 1), ['  c', '- d', '+ D', '  e']);
  t.deepEqual(lineDiff(before, before.replace('a', 'A').replace('g', 'G'), 0), ['- a', '+ A', '…', '- g', '+ G']);
  t.deepEqual(lineDiff('', 'a'), ['- ', '+ a']);
  t.deepEqual(lineDiff('a\n', 'a'), ['  a', '- ']);
});

test('a diff with all lines around it, read as only its old or only its new lines, gives the old or the new text', async (t) => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));
  const without = (sign: string, diff: readonly string[]): string =>
    diff
      .filter((line) => !line.startsWith(sign))
      .map((line) => line.slice(2))
      .join('\n');
  await fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = lineDiff(before, after, Number.MAX_SAFE_INTEGER);
      if (before === after) t.deepEqual(diff, []);
      else t.deepEqual([without('+', diff), without('-', diff)], [before, after]);
    }),
  );
});

test('texts that have nothing in common count as replaced, and are compared in bounded time', (t) => {
  const lines = (name: string): string => Array.from({ length: 20_000 }, (_, at) => `${name}${at}`).join('\n');
  const diff = lineDiff(lines('a'), lines('b'));
  t.is(diff.filter((line) => line.startsWith('- ')).length, 20_000);
  t.is(diff.filter((line) => line.startsWith('+ ')).length, 20_000);
});
