/** Before the first line of a comment, as Markdown begins a quotation: a paragraph of its own. */
const BEGIN = '> ';

/** The comments of a source file as Markdown, at the lines where they stand; every other line is empty. Pure. */
export function commentsOf(source: string): string {
  let isInBlock = false;
  let isInLines = false;
  return source
    .split('\n')
    .map((line) => {
      const text = line.trim();
      const isLine = text.startsWith('//');
      const begin = isInBlock || (isInLines && isLine) ? '' : BEGIN;
      isInLines = isLine && !isInBlock;
      if (isInBlock || text.startsWith('/*')) {
        isInBlock = !text.includes('*/');
        const words = text.replace(/^\/?\*+(?!\/)/, '').replace(/\*\/.*$/, '');
        return words.trim() === '' ? '' : `${begin}${words.trim()}`;
      }
      const comment = /(?:^|\s)\/\/\s?(.*)$/.exec(line)?.[1]?.trim() ?? '';
      return comment === '' ? '' : `${begin}${comment}`;
    })
    .join('\n');
}
