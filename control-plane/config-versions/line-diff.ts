export interface DiffLine {
  kind: ' ' | '-' | '+';
  text: string;
}

/** Files longer than this are told as wholly different: the table below grows with the product of both. */
const MAX_LINES = 5000;

/** Line by line: what stays, what goes, what comes. By the longest common subsequence between common beginning and end. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const one = before.split('\n'),
    other = after.split('\n');
  let head = 0,
    tail = 0;
  while (head < one.length && head < other.length && one[head] === other[head]) head++;
  while (
    tail < one.length - head &&
    tail < other.length - head &&
    one[one.length - 1 - tail] === other[other.length - 1 - tail]
  )
    tail++;
  const was = one.slice(head, one.length - tail),
    is = other.slice(head, other.length - tail);
  return [...lines(' ', one.slice(0, head)), ...middle(was, is), ...lines(' ', one.slice(one.length - tail))];
}

function middle(was: string[], is: string[]): DiffLine[] {
  if (was.length > MAX_LINES || is.length > MAX_LINES) return [...lines('-', was), ...lines('+', is)];
  // length[i][j]: longest common subsequence of was[i…] and is[j…]
  const length = Array.from({ length: was.length + 1 }, () => new Uint16Array(is.length + 1));
  for (let i = was.length - 1; i >= 0; i--)
    for (let j = is.length - 1; j >= 0; j--)
      length[i]![j] = was[i] === is[j] ? length[i + 1]![j + 1]! + 1 : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
  const found: DiffLine[] = [];
  let i = 0,
    j = 0;
  while (i < was.length || j < is.length) {
    if (i < was.length && j < is.length && was[i] === is[j]) {
      found.push({ kind: ' ', text: was[i++]! });
      j++;
    } else if (i < was.length && (j === is.length || length[i + 1]![j]! >= length[i]![j + 1]!))
      found.push({ kind: '-', text: was[i++]! });
    else found.push({ kind: '+', text: is[j++]! });
  }
  return found;
}

const lines = (kind: DiffLine['kind'], texts: string[]): DiffLine[] => texts.map((text) => ({ kind, text }));

/** Changed lines with `context` lines around them; empty when nothing changed. */
export function formatDiff(diff: readonly DiffLine[], context = 3): string[] {
  const isShown = diff.map((_, index) =>
    diff.slice(Math.max(0, index - context), index + context + 1).some(({ kind }) => kind !== ' '),
  );
  const text: string[] = [];
  for (const [index, { kind, text: line }] of diff.entries()) {
    if (isShown[index]) text.push(`${kind} ${line}`);
    else if (isShown[index - 1]) text.push('…');
  }
  if (text.at(-1) === '…') text.pop();
  return text;
}
