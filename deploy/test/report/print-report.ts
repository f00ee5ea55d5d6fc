import { table } from './table.ts';
import type { Objective } from './objectives.ts';

/**
 * Ends a command: the objectives as a table, or as one JSON object on stdout with `--json` (then tables went to stderr).
 * Sets the exit code: 1 when an objective is not met. One that was skipped is neither.
 */
export function printReport(
  objectives: readonly Objective[],
  options: { json: boolean; extra?: Record<string, unknown> },
): void {
  if (options.json) console.log(JSON.stringify({ objectives, ...options.extra }));
  else
    console.log(
      `\n${table(
        ['objective', 'goal', 'measured', 'met'],
        objectives.map((o) => [
          o.name,
          o.goal,
          o.measured === null ? null : String(o.measured),
          o.isSkipped ? 'skipped' : o.met,
        ]),
      )}`,
    );
  if (objectives.length === 0 || objectives.some(({ met, isSkipped }) => !met && !isSkipped)) process.exitCode = 1;
}

/** Where tables and progress go: stderr when stdout is for JSON. */
export const say =
  (json: boolean) =>
  (text: string): void => {
    (json ? process.stderr : process.stdout).write(`${text}\n`);
  };
