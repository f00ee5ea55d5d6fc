import { isDeepStrictEqual } from 'node:util';
import type { PatchOperation } from './admission-review.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A JSON patch from one object to another, field by field of those that stand under `at`. Fields of them that are equal are not named. */
export function patchBetween(before: Fields, after: Fields, at: readonly string[]): PatchOperation[] {
  return at.flatMap((field) => between((before[field] ?? {}) as Fields, (after[field] ?? {}) as Fields, `/${field}`));
}

function between(before: Fields, after: Fields, path: string): PatchOperation[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name): PatchOperation[] => {
    const [was, is] = [before[name], after[name]];
    const target = `${path}/${escaped(name)}`;
    if (isDeepStrictEqual(was, is)) return [];
    if (is === undefined) return [{ op: 'remove', path: target }];
    return [{ op: was === undefined ? 'add' : 'replace', path: target, value: is }];
  });
}

/** A part of a JSON pointer (RFC 6901). */
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
