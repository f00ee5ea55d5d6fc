import type { Document } from 'yaml';

/** Uses of aliases in one document: more would let a short text stand for a value that fills the memory. */
const MOST_ALIASES = 100;

/** What a document without errors says; `problem`: what it holds that can't be made a value, for example aliases of aliases of aliases. */
export function yamlValue(document: Pick<Document, 'toJS'>): { value: unknown } | { problem: string } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    JSON.stringify(value); // A value that holds itself is none that anybody can read.
    return { value };
  } catch (error) {
    return { problem: String((error as Error).message).split('\n')[0] ?? '' };
  }
}

export const FEW_ALIASES = `a file with at most ${MOST_ALIASES} uses of aliases`;
