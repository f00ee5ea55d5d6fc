import {
  BUDGET,
  CALL_P99_MS,
  FAILED,
  FAILOVER_P99_MS,
  JUDGED,
  OBJECTIVE,
  SESSION_CHANCES,
} from '../../proto/objectives.ts';
import { good, not, type DoctorCheck } from '../admin/doctor.ts';
import { percent } from '../sla/sla-checks.ts';

/** One series of an instant query's answer. */
export interface PrometheusSample {
  labels: Record<string, string>;
  value: number;
}
export type AskPrometheus = (query: string) => Promise<PrometheusSample[]>;

/** How far back the objectives are judged: as far as Prometheus remembers, and no further than they are promised for. */
const OVER = '30d';

/** What Prometheus remembers of the objectives, one line each per server, and what it fires at. Rejects when it can't be asked. */
export async function prometheusChecks(ask: AskPrometheus): Promise<DoctorCheck[]> {
  const [failed, lost, calls, failovers, gateways, firing] = await Promise.all([
    ask(
      `sum by (server_id) (increase(mcp_requests_total{${FAILED}}[${OVER}])) / sum by (server_id) (increase(mcp_requests_total{${JUDGED}}[${OVER}]))`,
    ),
    ask(
      `sum by (server_id) (increase(mcp_session_lost_total[${OVER}])) / sum by (server_id) (increase(${SESSION_CHANCES}[${OVER}]))`,
    ),
    ask(
      `histogram_quantile(0.99, sum by (server_id, le) (increase(mcp_request_duration_seconds_bucket{method="tools/call"}[${OVER}])))`,
    ),
    ask(`histogram_quantile(0.99, sum by (server_id, le) (increase(mcp_failover_duration_seconds_bucket[${OVER}])))`),
    ask(`avg_over_time(up{job="holdfast-gateway"}[${OVER}])`),
    ask('ALERTS{alertstate="firing"}'),
  ]);
  const share =
    (what: string, description: string, advice: string) =>
    ({ labels, value }: PrometheusSample): DoctorCheck => {
      const text = `${percent(1 - value)} of ${description} over ${OVER}`;
      return value > BUDGET
        ? not('bad', 'sla', name(labels), `${text}; the objective is ${percent(OBJECTIVE)}`, advice)
        : good('sla', name(labels), `${text}${value === 0 ? `, none ${what}` : ''}`);
    };
  const within =
    (ms: number, description: string, advice: string) =>
    ({ labels, value }: PrometheusSample): DoctorCheck => {
      const text = `p99 of ${description} over ${OVER}: ${value.toFixed(2)} s`;
      return value * 1000 > ms
        ? not('bad', 'response-time', name(labels), `${text}; the objective is ${ms / 1000} s`, advice)
        : good('response-time', name(labels), text);
    };
  const found = [
    ...known(failed).map(
      share(
        'failed',
        'requests answered',
        'The budget of 30 days is gone: `holdfast events`, and the alert AvailabilityBurns’ runbook (deploy/prometheus/README.md).',
      ),
    ),
    ...known(lost).map(
      share(
        'lost',
        'sessions kept',
        'Each lost session makes a client begin anew: see mcp_session_lost_total by reason, and the alert SessionLossBurns’ runbook.',
      ),
    ),
    ...known(calls).map(
      within(
        CALL_P99_MS,
        'tool calls',
        'See the server dashboard for which tools; the alert SlowResponses’ runbook goes on from there.',
      ),
    ),
    ...known(failovers).map(
      within(
        FAILOVER_P99_MS,
        'recoveries',
        'Slow replicas, a long queue or a slow Redis: see the alert SlowFailover’s runbook.',
      ),
    ),
    ...known(gateways).map(({ labels, value }) =>
      value < OBJECTIVE
        ? not(
            'warning',
            'gateways',
            labels['node'] ?? labels['instance'] ?? 'gateway',
            `up ${percent(value)} of the last ${OVER}`,
            'Others took over meanwhile. `holdfast gateways` says whether it is there now.',
          )
        : good(
            'gateways',
            labels['node'] ?? labels['instance'] ?? 'gateway',
            `up ${percent(value)} of the last ${OVER}`,
          ),
    ),
    ...firing.map(({ labels }) =>
      not(
        labels['severity'] === 'critical' ? 'bad' : 'warning',
        'errors',
        labels['alertname'] ?? 'alert',
        `fires${labels['server_id'] === undefined ? '' : ` for ${labels['server_id']}`}`,
        `Its runbook is in deploy/prometheus/README.md.`,
      ),
    ),
  ];
  if (known(failed).length === 0)
    found.unshift(
      not(
        'unknown',
        'sla',
        'Prometheus',
        'it has no requests of this mesh',
        'Does it scrape the sidecars? deploy/prometheus/prometheus.yml has the jobs.',
      ),
    );
  if (firing.length === 0) found.push(good('errors', 'Prometheus', 'no alert fires'));
  return found;
}

const name = (labels: Record<string, string>): string => labels['server_id'] ?? '';
/** 0 / 0 is what Prometheus makes of servers without a request. */
const known = (samples: PrometheusSample[]): PrometheusSample[] =>
  samples.filter(({ value }) => Number.isFinite(value));
