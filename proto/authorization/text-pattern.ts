/** Whether a text is what a pattern means, in which `*` stands for any text, none included. Linear in both: no input makes it slow. */
export function textMatcher(pattern: string): (text: string) => boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return (text) => text === first;
  if (others.length === 0 && last === '') return first === '' ? () => true : (text) => text.startsWith(first);
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const part of others) {
      const found = text.indexOf(part, at);
      if (found === -1 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

/** Whether a text is what any of the patterns means. */
export function anyMatcher(patterns: readonly string[]): (text: string) => boolean {
  const exact = new Set(patterns.filter((each) => !each.includes('*'))),
    others = patterns.filter((each) => each.includes('*')).map(textMatcher);
  return (text) => exact.has(text) || others.some((matches) => matches(text));
}
