import type { OutcomeKind } from '../../proto/outcome.ts';
import type { ResponseFlags } from './access-log-entry.ts';

/** What Envoy says went wrong; `answer` when the answer itself says more. First match wins: a client that left explains all that follows. */
const FLAGS: readonly [flag: string, kind: OutcomeKind | 'answer'][] = [
  // DC, DR, DPE
  ['downstream_connection_termination', 'cancelled'],
  ['downstream_remote_reset', 'cancelled'],
  ['downstream_protocol_error', 'client_fault'],
  // UO, RL, RLSE, OM: shed here or told to shed
  ['upstream_overflow', 'overload'],
  ['rate_limited', 'overload'],
  ['rate_limit_service_error', 'overload'],
  ['overload_manager', 'overload'],
  // NR, UAEX, IH
  ['no_route_found', 'client_fault'],
  ['unauthorized_details', 'client_fault'],
  ['invalid_envoy_request_headers', 'client_fault'],
  // URX: the last attempt's own answer passed; where there was none, another flag stands beside it
  ['upstream_connection_failure', 'replica_fault'],
  ['upstream_connection_termination', 'replica_fault'],
  ['upstream_remote_reset', 'replica_fault'],
  ['local_reset', 'replica_fault'],
  ['upstream_protocol_error', 'replica_fault'],
  ['upstream_request_timeout', 'replica_fault'],
  ['upstream_max_stream_duration_reached', 'replica_fault'],
  ['duration_timeout', 'replica_fault'],
  ['stream_idle_timeout', 'replica_fault'],
  ['failed_local_healthcheck', 'replica_fault'],
  ['no_healthy_upstream', 'replica_fault'],
  ['dns_resolution_failure', 'replica_fault'],
  ['no_cluster_found', 'replica_fault'],
  ['no_filter_config_found', 'replica_fault'],
  ['upstream_retry_limit_exceeded', 'answer'],
];

/** Envoy's response flags as an outcome; undefined when none of them says anything. */
export function kindOfFlags(flags: ResponseFlags | null | undefined): OutcomeKind | 'answer' | undefined {
  if (!flags) return undefined;
  for (const [flag, kind] of FLAGS) if (flags[flag]) return kind;
  return undefined;
}
