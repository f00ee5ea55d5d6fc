import { isoTime } from '../../proto/iso-time.ts';
import { BUDGET, CALL_P99_MS, ERRORS_PER_SECOND, FAST_BURN, OBJECTIVE } from '../../proto/objectives.ts';
import { latencyQuantileMs } from '../../proto/slo-window.ts';
import { good, not, type DoctorCheck } from '../admin/doctor.ts';
import type { SlaWindow, SlaWindows } from './sla-history.ts';

/** A window shorter than this says nothing of a rate. */
const SHORTEST_MS = 60_000;
/** So few failures are an incident to look at, whatever their share of little traffic is. */
const FEW = 5;

/** What one server kept of its objectives: availability, response time, errors per second. Pure. */
export function slaChecks(server: string, windows: SlaWindows | null): DoctorCheck[] {
  if (!windows)
    return [
      not(
        'unknown',
        'sla',
        server,
        'nobody keeps its counters',
        'They are in Redis: use SESSION_STORE=redis, or ask Prometheus with `holdfast doctor --prometheus URL`.',
      ),
    ];
  return [availability(server, windows), responseTime(server, windows), errorRate(server, windows)];
}

function availability(server: string, { whole, hour }: SlaWindows): DoctorCheck {
  if (whole.counters.judged === 0) return good('sla', server, 'no request yet');
  const description = [
    `${answered(whole)} since ${day(whole.fromMs)}`,
    ...(hour && hour.counters.judged > 0 ? [`${answered(hour)} in the last ${span(hour)}`] : []),
  ].join(', ');
  const recent = hour && hour.counters.judged > 0 ? hour : null,
    lately = recent && failedShare(recent),
    ever = failedShare(whole),
    goal = `; the objective is ${percent(OBJECTIVE)}`;
  if ((lately ?? ever) > BUDGET && (recent ?? whole).counters.failed < FEW)
    return not(
      'warning',
      'sla',
      server,
      description + goal,
      'Too few requests to judge by; `holdfast events` says what went wrong.',
    );
  if ((lately ?? ever) > BUDGET * FAST_BURN)
    return not(
      'bad',
      'sla',
      server,
      description + goal,
      'Requests fail right now: see `holdfast replicas`, `holdfast breaker list` and `holdfast events`.',
    );
  if (ever > BUDGET && (lately === null || lately > BUDGET))
    return not(
      'bad',
      'sla',
      server,
      description + goal,
      'More fails than the objective allows, then and now: see `holdfast events` for what went wrong, and `holdfast replicas`.',
    );
  if (ever > BUDGET)
    return not(
      'warning',
      'sla',
      server,
      description + goal,
      'It was missed once; the last hour keeps it. `holdfast events` says what went wrong.',
    );
  if (lately !== null && lately > BUDGET)
    return not(
      'warning',
      'sla',
      server,
      description + goal,
      'The last hour uses up more than its share: see `holdfast replicas` and `holdfast events`.',
    );
  return good('sla', server, description);
}

function responseTime(server: string, { whole, hour }: SlaWindows): DoctorCheck {
  const window = hour && hour.counters.calls > 0 ? hour : whole,
    p99Ms = latencyQuantileMs(window.counters, 0.99);
  if (p99Ms === null) return good('response-time', server, 'no call yet');
  const over = window === hour ? `in the last ${span(hour)}` : `since ${day(whole.fromMs)}`;
  if (p99Ms <= CALL_P99_MS)
    return good('response-time', server, `p99 of ${window.counters.calls} calls ${over}: at most ${seconds(p99Ms)}`);
  return not(
    'bad',
    'response-time',
    server,
    `p99 of ${window.counters.calls} calls ${over}: ${p99Ms === Infinity ? 'more than a minute' : `up to ${seconds(p99Ms)}`}; the objective is ${seconds(CALL_P99_MS)}`,
    'See mcp_request_duration_seconds by tool; if all are slow, look at the load of the replicas.',
  );
}

function errorRate(server: string, { minutes }: SlaWindows): DoctorCheck {
  if (!minutes || minutes.toMs - minutes.fromMs < SHORTEST_MS)
    return good('errors', server, 'counted for less than a minute yet');
  const { toolErrors, faults, initializeFailed } = minutes.counters,
    perSecond = (toolErrors + faults + initializeFailed) / ((minutes.toMs - minutes.fromMs) / 1000);
  const description = `${perSecond.toFixed(2)} errors a second in the last ${span(minutes)} (${toolErrors} of tools, ${faults + initializeFailed} of servers and replicas)`;
  return perSecond > ERRORS_PER_SECOND
    ? not(
        'warning',
        'errors',
        server,
        `${description}; the threshold is ${ERRORS_PER_SECOND}`,
        'Errors of tools are the server’s own: see its log. For the others see `holdfast replicas` and `holdfast breaker list`.',
      )
    : good('errors', server, description);
}

const failedShare = ({ counters }: SlaWindow): number => counters.failed / counters.judged;
const answered = (window: SlaWindow): string =>
  `${percent(1 - failedShare(window))} of ${window.counters.judged} requests answered`;
/** Rounded down: what misses the objective by little must not look as if it kept it. */
export const percent = (share: number): string => `${Math.floor(share * 100_000 + 1e-6) / 1000} %`;
const seconds = (ms: number): string => `${ms / 1000} s`;
const day = (ms: number): string => `${isoTime(ms).slice(0, 16).replace('T', ' ')} UTC`;
const span = ({ fromMs, toMs }: SlaWindow): string => {
  const minutes = Math.max(1, Math.round((toMs - fromMs) / 60_000));
  return minutes >= 60 ? 'hour' : minutes === 1 ? 'minute' : `${minutes} minutes`;
};
