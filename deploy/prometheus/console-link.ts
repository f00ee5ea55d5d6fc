import type { Alert } from './alert.ts';

/** Where a browser reaches the control plane, until whoever installs the rules and dashboards says where (chart: `monitoring.consoleUrl`). */
export const CONSOLE_URL = 'http://127.0.0.1:18001';

const PAGES: readonly [about: RegExp, page: string][] = [
  [/^Rollout/, 'rollouts'],
  [/^Configuration/, 'configuration'],
];

/** The page of the console that shows what an alert is about; `$labels` are filled in by Prometheus. */
export function consoleLink({ name, labels }: Alert): string {
  const [, page] = PAGES.find(([about]) => about.test(name)) ?? [];
  return `${CONSOLE_URL}/console#/${page ?? ('server_id' in labels ? 'server/{{ $labels.server_id }}' : 'checks')}`;
}
