import type { Injected } from '../inject.ts';
import type { Manifest } from '../manifest.ts';
import { patchText } from './patch-text.ts';
import { isList, objectsOf, type ReadDocuments } from './read-manifests.ts';

export interface Transformed {
  text: string;
  objects: Manifest[];
  notes: string[];
}

/** Changes the objects of a text, and the text only where they change. What is added to a single List becomes items of it. */
export function transformText(
  source: string,
  read: ReadDocuments,
  transform: (before: Manifest[]) => Injected,
): Transformed {
  const { manifests, added, notes } = transform(read.values.flatMap(objectsOf));
  const [first] = read.values;
  const isOneList = read.values.length === 1 && first !== null && first !== undefined && isList(first);
  let next = 0;
  const after = read.values.map((value) => {
    if (value === null) return null;
    const own = manifests.slice(next, next + objectsOf(value).length);
    next += objectsOf(value).length;
    return isList(value)
      ? { ...value, items: [...own.filter((each) => each !== null), ...(isOneList ? added : [])] }
      : (own[0] ?? null);
  });
  const { text, rewritten } = patchText(source, read, after, isOneList ? [] : added);
  return {
    text,
    objects: [...manifests.filter((each) => each !== null), ...added],
    notes: [
      ...notes,
      ...rewritten.map(
        (number) =>
          `document ${number} was written anew, without its comments: aliases or merged keys are in the way of the change`,
      ),
    ],
  };
}
