import type { Finding } from './finding.ts';
import { readReport, runTool } from './run-tool.ts';

interface KnipReport {
  issues: Array<{ file: string } & Record<string, unknown>>;
}
interface KnipIssue {
  name: string;
  line?: number;
}

const isList = (value: unknown): value is KnipIssue[] => Array.isArray(value);

/** Files, exports and dependencies that nothing uses, and uses that no package.json names (knip.json). */
export async function unusedFindings(): Promise<Finding[]> {
  const report = readReport<KnipReport>(
    'knip',
    await runTool('knip/bin/knip.js', ['--reporter', 'json', '--no-progress']),
  );
  return report.issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, issues]) =>
      isList(issues)
        ? issues.map(({ name, line }) => ({
            rule: `unused/${kind}`,
            place: line === undefined ? file : `${file}:${line}`,
            message: name,
          }))
        : [],
    ),
  );
}
