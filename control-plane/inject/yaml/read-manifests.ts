import { parseAllDocuments, type Document, type ScalarTag } from 'yaml';
import { yamlValue } from '../../../proto/config-file/yaml-value.ts';
import type { Manifest } from '../manifest.ts';

/** Kubernetes reads YAML 1.1: `0440` is an octal number and `yes` a boolean. Dates are texts to it. */
const KUBERNETES_YAML = {
  version: '1.1',
  customTags: (tags: Array<ScalarTag | { tag: string }>) =>
    tags.filter((tag) => !/:(timestamp|binary|set|omap|pairs)$/.test(tag.tag)),
} as const;

export interface ReadDocuments {
  documents: Document.Parsed[];
  /** The value of each document; null for an empty one. */
  values: Array<Manifest | null>;
}

/** All documents of a text with their places in it. `problem`: which document can't be read, and why. */
export function readDocuments(text: string): ReadDocuments | { problem: string } {
  const documents = parseAllDocuments(text, {
    ...KUBERNETES_YAML,
    keepSourceTokens: true,
  } as never) as Document.Parsed[];
  if (!Array.isArray(documents)) return { documents: [], values: [] };
  const values: Array<Manifest | null> = [];
  for (const [index, document] of documents.entries()) {
    const [error] = document.errors;
    if (error) return { problem: `document ${index + 1}: ${error.message}` };
    const read = yamlValue(document);
    if ('problem' in read) return { problem: `document ${index + 1}: ${read.problem}` };
    const value = read.value as Manifest | null;
    if (value !== null && (typeof value !== 'object' || typeof value.kind !== 'string'))
      return { problem: `document ${index + 1}: not a Kubernetes object (it has no kind)` };
    values.push(value);
  }
  return { documents, values };
}

/** A List stands for its items. */
export const objectsOf = (value: Manifest | null): Manifest[] =>
  value === null ? [] : isList(value) ? (value['items'] as Manifest[]) : [value];

export const isList = (value: Manifest): boolean => value.kind.endsWith('List') && Array.isArray(value['items']);
