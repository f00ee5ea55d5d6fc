import { execFileSync } from 'node:child_process';
import test, { type Implementation } from 'ava';

/** Whether this machine has the program, found by running it once. */
export function hasProgram(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/**
 * Registers a test that needs something of the machine. Without it the test is skipped and counted as skipped, with what it needs in its title.
 * One after the other: they share what the machine has only once.
 * `isHere`: decided before the file's first test is declared, because a running test can't skip itself.
 */
export function testWith(need: string, isHere: boolean, title: string, implementation: Implementation<[]>): void {
  const register = isHere ? test.serial : test.skip;
  register(isHere ? title : `${title} (needs ${need})`, implementation);
}
