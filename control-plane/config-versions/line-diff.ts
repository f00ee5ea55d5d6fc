import { structuredPatch } from 'diff';

/** Work of the comparison beyond which the whole text counts as replaced: a diff of two unrelated files costs their product. */
const MAX_EDITS = 5000;

const linesOf = (text: string): string[] => text.split('\n');

/**
 * The changed lines of a text, `- ` before those that go and `+ ` before those that come, with `context` lines around them.
 * `…` stands between changes that lie apart. Empty when nothing changed.
 */
export function lineDiff(before: string, after: string, context = 3): string[] {
  if (before === after) return [];
  const patch = structuredPatch('', '', `${before}\n`, `${after}\n`, '', '', { context, maxEditLength: MAX_EDITS });
  if (patch === undefined)
    return [...linesOf(before).map((line) => `- ${line}`), ...linesOf(after).map((line) => `+ ${line}`)];
  return patch.hunks.flatMap(({ lines }, at) => [
    ...(at === 0 ? [] : ['…']),
    ...lines.map((line) => `${line.slice(0, 1)} ${line.slice(1)}`),
  ]);
}
