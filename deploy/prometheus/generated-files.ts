import { stringify } from 'yaml';
import { CONSOLE_URL } from './console-link.ts';
import { checklist } from './checklist.ts';
import { ALERTS, GROUPS, ruleFile, ruleTests } from './rules.ts';
import { COMPOSE_TARGETS, scrapeConfig } from './scrape-config.ts';

const NOTE = '# Written by `node deploy/prometheus/write.ts` from the .ts files beside it: change those.\n';
const yaml = (value: object): string => NOTE + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** The files of this folder that are written from code: name → content. */
export function generatedFiles(): Record<string, string> {
  return {
    'holdfast.rules.yml': yaml(ruleFile()),
    'holdfast.rules.test.yml': yaml(ruleTests('holdfast.rules.yml', 'short')),
    'holdfast.rules.long.test.yml': yaml(ruleTests('holdfast.rules.yml', 'long')),
    'prometheus.yml': yaml(
      scrapeConfig(COMPOSE_TARGETS, {
        intervalSeconds: 15,
        ruleFiles: ['holdfast.rules.yml'],
        alertmanagers: ['alertmanager:9093'],
      }),
    ),
    'README.md': readme(),
  };
}

function readme(): string {
  const runbooks = Object.entries(GROUPS)
    .map(
      ([group, alerts]) =>
        `### ${group}\n\n${alerts
          .map(
            ({ name, severity, expr, for: holds, runbook }) =>
              `**${name}** (${severity}, for ${holds}): \`${expr}\`\n\n${runbook}\n`,
          )
          .join('\n')}`,
    )
    .join('\n');
  return `# deploy/prometheus

Written by \`node deploy/prometheus/write.ts\`: alerts, their runbooks and their tests stand together in \`alerts/*.ts\`.

| file | what |
|---|---|
| \`prometheus.yml\` | scrapes the topology of docker-compose.yml; \`scrape-config.ts\` makes one for any other |
| \`holdfast.rules.yml\` | ${ALERTS.length} alerts and the recording rules under them |
| \`holdfast.rules.test.yml\`, \`holdfast.rules.long.test.yml\` | for \`promtool test rules\`: every alert fires when it should, and is quiet when it should be |
| \`alertmanager.yml\` | groups by alert and server, keeps warnings quiet while something critical explains them; put your receiver in |

There are four jobs, and each target has the label \`node\`: \`holdfast-gateway\` and \`holdfast-edge\` (Envoy, \`/stats/prometheus\`), \`holdfast-sidecar\` and
\`holdfast-control-plane\` (\`/metrics\`). Metrics of the sidecar: \`sidecar/metrics/README.md\`. Envoy's admin interface stays on loopback.
Where Prometheus is elsewhere, the bootstrap's \`metrics\` address shows statistics and nothing else.

The annotations of an alert lead on. \`runbook\` says what to do, \`dashboard\` is a path below Grafana's address, and \`console\` is a page of the console
([docs/console.md](../../docs/console.md)). The chart's \`monitoring.consoleUrl\` says where browsers reach it, for dashboards too; elsewhere replace
\`${CONSOLE_URL}\` in \`holdfast.rules.yml\`.

The tests need \`promtool\`, \`prometheus\` and \`amtool\`. They take them from \`PROMTOOL_BIN\`, \`PROMETHEUS_BIN\` and \`AMTOOL_BIN\`, from PATH, or
from Debian's packages (\`apt-get download\`, nothing is installed).

Objective: 99.9 % of requests and of sessions over 30 days. Faults of replicas, overload and lost sessions count against it; errors of tools and of clients don't, nor do calls beyond a client's own limit.

## The monitoring checklist

One row or panel each on the dashboards (\`deploy/grafana\`), and one check each of \`holdfast doctor\`.

| what | green when | alerts | dashboard panel |
|---|---|---|---|
${checklist.map(({ what, green, alerts, panel }) => `| ${what} | ${green} | ${alerts.join(', ')} | ${panel} |`).join('\n')}

## Runbooks

${runbooks}`;
}
