/** One check of the suite's `checks.json`, as far as it is compared. */
export interface Check {
  scenario: string;
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  error: string | null;
}

/** Names in `checks.json` that a run may repeat: a check counts as often as it occurs. */
export function countByKey(checks: readonly Check[], status: Check['status']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const check of checks) {
    if (check.status !== status) continue;
    const key = `${check.scenario}/${check.id}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

export const passed = (checks: readonly Check[]): number => checks.filter(({ status }) => status === 'SUCCESS').length;
export const failed = (checks: readonly Check[]): number => checks.filter(({ status }) => status === 'FAILURE').length;
