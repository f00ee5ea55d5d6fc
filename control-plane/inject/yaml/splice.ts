/** Replaces `[start, end)` of a text. */
export interface Splice {
  start: number;
  end: number;
  text: string;
}

/** Applies splices that do not overlap; several insertions at one place keep their order. */
export function applySplices(source: string, splices: readonly Splice[]): string {
  let result = '',
    at = 0;
  const ordered = splices
    .map((splice, index) => ({ splice, index }))
    .sort((a, b) => a.splice.start - b.splice.start || a.index - b.index);
  for (const {
    splice: { start, end, text },
  } of ordered) {
    if (start < at) throw new RangeError('splices overlap');
    result += source.slice(at, start) + text;
    at = end;
  }
  return result + source.slice(at);
}
