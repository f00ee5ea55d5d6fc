import { checks, problemsOf } from './checks.ts';

/** `npm run check`: what `npm test` checks without running the product. The exit code is 1 when something is wrong. */
for (const check of checks) {
  const problems = await problemsOf(check);
  process.stdout.write(`${problems.length === 0 ? '✔' : '✘'} ${check.title}\n`);
  for (const problem of problems) process.stdout.write(`    ${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
