import { SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Counters of the ADS server, by resource type (short name). */
export interface XdsMetrics {
  pushed(type: string, bytes: number, resources: number, removed: number): void;
  answered(type: string, kind: 'ack' | 'nack' | 'stale'): void;
  connected(role: string, by: 1 | -1): void;
}

export function createXdsMetrics(registry: Registry): XdsMetrics {
  const registers = [registry];
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name: `holdfast_xds_${name}`, help, labelNames, registers });
  const pushes = counter('pushes_total', 'xDS responses written, by type', 'type');
  const bytes = counter('pushed_bytes_total', 'Bytes of xDS responses, by type', 'type');
  const resources = counter(
    'pushed_resources_total',
    'Resources in xDS responses, by type and whether added or removed',
    'type',
    'change',
  );
  const answers = counter(
    'answers_total',
    'Answers of clients to xDS responses: ack, nack, or stale',
    'type',
    'answer',
  );
  const nodes = new Gauge({
    name: 'holdfast_xds_connected_streams',
    help: 'ADS streams that are open now, by role',
    labelNames: ['role'],
    registers,
  });
  return {
    pushed(type, size, count, removed) {
      pushes.inc({ type });
      bytes.inc({ type }, size);
      if (count > 0) resources.inc({ type, change: 'sent' }, count);
      if (removed > 0) resources.inc({ type, change: 'removed' }, removed);
    },
    answered(type, answer) {
      answers.inc({ type, answer });
    },
    connected(role, by) {
      nodes.inc({ role: KNOWN_ROLES.has(role) ? role : 'unknown' }, by);
    },
  };
}

const KNOWN_TYPES: ReadonlySet<string> = new Set([...Object.values(RESOURCE_TYPE), SERVER_POLICY_TYPE]);

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster` → `Cluster`. What a client makes up is `other`: it must not make series. */
export const shortType = (typeUrl: string): string =>
  KNOWN_TYPES.has(typeUrl) ? typeUrl.slice(typeUrl.lastIndexOf('.') + 1) : 'other';

const KNOWN_ROLES: ReadonlySet<string> = new Set(['gateway', 'edge', 'sidecar']);
