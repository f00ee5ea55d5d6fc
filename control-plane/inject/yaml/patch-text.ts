import { isDeepStrictEqual } from 'node:util';
import { stringify, type Document } from 'yaml';
import type { Manifest } from '../manifest.ts';
import { NotPatchable, patchNode } from './patch-node.ts';
import { readDocuments, type ReadDocuments } from './read-manifests.ts';
import { applySplices, type Splice } from './splice.ts';

export interface Patched {
  text: string;
  /** Numbers, from 1, of documents that had to be written again: right, but without their comments. */
  rewritten: number[];
}

/**
 * The text with each document saying what `after` says, and `added` as further documents. All else of the text stays as it is, character by character.
 * A document that can't be changed in place (aliases, merged keys) is written again. What comes out is read again and compared before it is given out.
 */
export function patchText(
  source: string,
  { documents, values }: ReadDocuments,
  after: ReadonlyArray<Manifest | null>,
  added: readonly Manifest[],
): Patched {
  const splices: Splice[] = [],
    rewritten: number[] = [];
  for (const [index, document] of documents.entries()) {
    const wanted = after[index] ?? null;
    if (isDeepStrictEqual(values[index] ?? null, wanted)) continue;
    const changed =
      wanted === null ? [withoutDocument(source, document)] : patchDocument(source, document, values[index], wanted);
    if (changed) splices.push(...changed);
    else {
      rewritten.push(index + 1);
      splices.push(anew(source, document, wanted));
    }
  }
  const text = withAdded(applySplices(source, splices), documents.length, added);
  const read = readDocuments(text);
  if ('problem' in read || !isDeepStrictEqual(read.values.filter(isThere), [...after, ...added].filter(isThere)))
    return {
      text: [...after, ...added].filter(isThere).map(written).join('---\n'),
      rewritten: documents.map((_, index) => index + 1),
    };
  return { text, rewritten };
}

/** Null when it can't be done in place, or would not say what it should. */
function patchDocument(source: string, document: Document.Parsed, before: unknown, after: unknown): Splice[] | null {
  try {
    const splices = patchNode(source, document.contents, before, after);
    const [start, , end] = document.range;
    const own = applySplices(
      source.slice(start, end),
      splices.map((each) => ({ ...each, start: each.start - start, end: each.end - start })),
    );
    const read = readDocuments(own);
    return !('problem' in read) && read.values.length === 1 && isDeepStrictEqual(read.values[0], after)
      ? splices
      : null;
  } catch (error) {
    if (error instanceof NotPatchable || error instanceof RangeError) return null;
    throw error;
  }
}

function anew(source: string, document: Document.Parsed, after: Manifest | null): Splice {
  const [start = 0, , end = start] = document.contents?.range ?? [];
  return {
    start,
    end,
    text: `${after === null ? '' : written(after).trimEnd()}${source[end - 1] === '\n' ? '\n' : ''}`,
  };
}

/** With the line that parts it from the document before. */
function withoutDocument(source: string, document: Document.Parsed): Splice {
  const [start = 0, , end = start] = document.contents?.range ?? [];
  const marker = /---[^\n]*\n\s*$/.exec(source.slice(0, start));
  return { start: start - (marker?.[0].length ?? 0), end, text: '' };
}

function withAdded(text: string, documents: number, added: readonly Manifest[]): string {
  if (added.length === 0) return text;
  const closed = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  const isOpen = documents === 0 || /(^|\n)---[ \t]*\n?$/.test(closed);
  return `${closed}${isOpen ? '' : '---\n'}${added.map(written).join('---\n')}`;
}

const written = (manifest: Manifest): string =>
  stringify(manifest, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
const isThere = (value: Manifest | null | undefined): value is Manifest => value !== null && value !== undefined;
