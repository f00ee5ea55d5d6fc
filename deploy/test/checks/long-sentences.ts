/** A sentence that a reader does not take in at once (CONTRIBUTING.md). */
export interface LongSentence {
  /** Where the paragraph begins that holds it; the first line is 1. */
  line: number;
  words: number;
  text: string;
}

export const MAX_WORDS = 25;

interface Paragraph {
  line: number;
  text: string;
  /** A cell of a table holds notes: what its colons and semicolons divide is read by itself. */
  isCell: boolean;
}

/** Lines that begin a paragraph of their own: items of lists, headings, quotes. */
const BEGINS = /^\s*(?:[*+-]|\d+\.|#+|>)\s+/;

/** Paragraphs, items of lists and cells of tables; code is left out. */
function paragraphsOf(markdown: string): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let open: Paragraph | undefined;
  let fence: string | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (mark !== undefined && (fence === undefined || mark.startsWith(fence)))
      fence = fence === undefined ? mark : undefined;
    if (mark !== undefined || fence !== undefined || line.trim() === '') {
      open = undefined;
    } else if (line.trimStart().startsWith('|')) {
      open = undefined;
      // A bar inside code separates no cells.
      const cells = line.replace(/`[^`]*`/g, 'code').split('|');
      paragraphs.push(...cells.map((text) => ({ line: index + 1, text, isCell: true })));
    } else if (open === undefined || BEGINS.test(line)) {
      open = { line: index + 1, text: line.replace(BEGINS, ''), isCell: false };
      paragraphs.push(open);
    } else open.text += ` ${line.trim()}`;
  }
  return paragraphs;
}

/** Code and links count as what a reader sees of them. */
const plain = (text: string): string =>
  text
    .replace(/``.*?``|`[^`]*`/g, 'code')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*|__/g, '')
    .replace(/\b(e\.g|i\.e|etc|vs)\./g, '$1');

const SENTENCE_END = /(?<=[.!?][)”"’*]*)\s+/;
const NOTE_END = /(?<=[.!?:;][)”"’*]*)\s+/;
const wordsOf = (sentence: string): number => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** Sentences of a Markdown page with more than MAX_WORDS words. Pure. */
export const longSentences = (markdown: string): LongSentence[] =>
  paragraphsOf(markdown).flatMap(({ line, text, isCell }) =>
    plain(text)
      .split(isCell ? NOTE_END : SENTENCE_END)
      .map((sentence) => ({ line, words: wordsOf(sentence), text: sentence }))
      .filter(({ words }) => words > MAX_WORDS),
  );
