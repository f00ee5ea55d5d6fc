export interface TestCount {
  passed: number;
  failed: number;
  skipped: number;
}

export interface TapReader {
  /** What to show of this line of TAP 13; undefined: nothing. */
  read(line: string): string | undefined;
  readonly count: TestCount;
  /** Whether the plan (`1..N`) was read, which ava writes after the last test. */
  readonly hasPlan: boolean;
  /**
   * The lines of each failure, its title first, as they were shown. They are told again at the end, where a cut log
   * still has them.
   */
  readonly failures: string[][];
}

/** Of one failure's diagnosis, at most so many lines are told again. */
const MAX_LINES = 40;

/** Reads ava's TAP: counts from what ran, and turns lines into something to read. Pure but for its own count. */
export function tapReader(): TapReader {
  const count: TestCount = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[][] = [];
  let failure: string[] | undefined;
  let hasPlan = false;
  return {
    count,
    get hasPlan() {
      return hasPlan;
    },
    failures,
    read(line) {
      const match = /^(not )?ok \d+(?: - (.*))?$/.exec(line);
      // Diagnosis of a failure, or what a test printed.
      if (!match) {
        if (/^\d+\.\.\d+/.test(line)) hasPlan = true;
        if (/^(TAP version|\d+\.\.\d+|# |$)/.test(line)) return undefined;
        if (failure && failure.length < MAX_LINES) failure.push(`    ${line}`);
        return `    ${line}`;
      }
      const [, isFailure, title = ''] = match;
      failure = undefined;
      if (/ # (SKIP|TODO)\b/.test(title)) {
        count.skipped++;
        return `  - ${title}`;
      }
      if (!isFailure) {
        count.passed++;
        return `  ✔ ${title}`;
      }
      count.failed++;
      failure = [`  ✘ ${title}`];
      failures.push(failure);
      return `  ✘ ${title}`;
    },
  };
}

export const add = (a: TestCount, b: TestCount): TestCount => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The closing line, which stands alone and last: CI reads it. */
export const closingLine = ({ passed, failed, skipped }: TestCount): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
