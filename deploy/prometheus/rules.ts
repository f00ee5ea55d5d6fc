import { linkAlerts } from './alerts/links.ts';
import { nodeAlerts } from './alerts/nodes.ts';
import { operationAlerts } from './alerts/operations.ts';
import { serverAlerts } from './alerts/servers.ts';
import { sessionAlerts } from './alerts/sessions.ts';
import type { Alert, Situation } from './alert.ts';
import { consoleLink } from './console-link.ts';
import { dashboardLink } from './dashboard-link.ts';
import { recordingRules } from './recording-rules.ts';

export const GROUPS: Record<string, Alert[]> = {
  'holdfast-nodes': nodeAlerts,
  'holdfast-servers': serverAlerts,
  'holdfast-sessions': sessionAlerts,
  'holdfast-links': linkAlerts,
  'holdfast-operations': operationAlerts,
};
export const ALERTS: Alert[] = Object.values(GROUPS).flat();

export interface RuleGroup {
  name: string;
  interval?: string;
  rules: object[];
}

/** The rule file, as a plain object. */
export function ruleFile(): { groups: RuleGroup[] } {
  return {
    groups: [
      { name: 'holdfast-recording', interval: '15s', rules: recordingRules },
      ...Object.entries(GROUPS).map(([name, alerts]) => ({
        name,
        rules: alerts.map((alert) => ({
          alert: alert.name,
          expr: alert.expr,
          for: alert.for,
          labels: { severity: alert.severity },
          annotations: {
            summary: alert.summary,
            runbook: alert.runbook,
            dashboard: dashboardLink(alert),
            console: consoleLink(alert),
          },
        })),
      })),
    ],
  };
}

/** Situations that last this long are looked at less often: evaluating every rule each 15 s for hours takes promtool minutes. */
const LONG_MINUTES = 60;

/** `promtool test rules`: each alert fires when it should and is quiet when it should be. In two files, for each has one evaluation interval. */
export function ruleTests(ruleFileName: string, which: 'short' | 'long'): object {
  const look = (alert: Alert, situation: Situation, isFiring: boolean): object => ({
    name: `${alert.name} ${isFiring ? 'fires' : 'is quiet'}: ${situation.description}`,
    interval: '15s',
    input_series: situation.series,
    // The alert as a series: its annotations are for people.
    promql_expr_test: [
      {
        expr: `ALERTS{alertname="${alert.name}",alertstate="firing"}`,
        eval_time: `${situation.atMinutes}m`,
        exp_samples: isFiring ? [{ labels: sample(alert), value: 1 }] : [],
      },
    ],
  });
  const isHere = ({ atMinutes }: Situation): boolean => atMinutes >= LONG_MINUTES === (which === 'long');
  return {
    rule_files: [ruleFileName],
    evaluation_interval: which === 'long' ? '2m' : '15s',
    tests: ALERTS.flatMap((alert) => [
      ...(isHere(alert.fires) ? [look(alert, alert.fires, true)] : []),
      ...(isHere(alert.quiet) ? [look(alert, alert.quiet, false)] : []),
    ]),
  };
}

function sample({ name, severity, labels }: Alert): string {
  const all = { alertname: name, alertstate: 'firing', severity, ...labels };
  return `ALERTS{${Object.entries(all)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`;
}
