export interface TestCount { passed: number; failed: number; skipped: number }

export interface TapReader {
  /** What to show of this line of TAP 13; undefined: nothing. */
  read(line: string): string | undefined;
  readonly count: TestCount;
}

/** Reads ava's TAP: counts from what ran, and turns lines into something to read. Pure but for its own count. */
export function tapReader(): TapReader {
  const count: TestCount = { passed: 0, failed: 0, skipped: 0 };
  return {
    count,
    read(line) {
      const match = /^(not )?ok \d+(?: - (.*))?$/.exec(line);
      // Diagnosis of a failure, or what a test printed.
      if (!match) return /^(TAP version|\d+\.\.\d+|# |$)/.test(line) ? undefined : `    ${line}`;
      const [, isFailure, title = ''] = match;
      if (/ # (SKIP|TODO)\b/.test(title)) {
        count.skipped++;
        return `  - ${title}`;
      }
      if (isFailure) count.failed++;
      else count.passed++;
      return `  ${isFailure ? '✘' : '✔'} ${title}`;
    },
  };
}

export const add = (a: TestCount, b: TestCount): TestCount => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped });

/** The closing line, which stands alone and last: CI reads it. */
export const closingLine = ({ passed, failed, skipped }: TestCount): string => `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
