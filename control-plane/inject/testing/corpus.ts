import { readdirSync, readFileSync } from 'node:fs';
import type { CorpusCase } from './corpus-case.ts';
import { SCALARS } from './corpus-scalars.ts';

const FOLDER = new URL('corpus/', import.meta.url);
const PORTS: Readonly<Record<string, string>> = { 'service-with-two-ports': 'mcp' };
/** An alias stands where inject has to add something. */
const REWRITTEN = new Set(['labels-of-the-pods-by-alias', 'a-template-used-twice-by-alias']);

const written = readdirSync(FOLDER).map((file): CorpusCase => {
  const title = file.replace('.yaml', '');
  return {
    title,
    text: readFileSync(new URL(file, FOLDER), 'utf8'),
    port: PORTS[title],
    isRewritten: REWRITTEN.has(title),
  };
});
const plain = written.find(({ title }) => title === 'nodeport-service')?.text ?? '';

/** Manifests as they are met: everyday ones, ones of well-known charts made small, and ones with quirks. */
export const CORPUS: readonly CorpusCase[] = [
  ...SCALARS,
  ...written,
  { title: 'line ends of Windows', text: plain.replaceAll('\n', '\r\n') },
  { title: 'no line break at the end', text: plain.trimEnd() },
];
