/** A time as people and machines read it. `-` for what is no date: a number that somebody else wrote may be any. */
export function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString();
}
