import type { ServerTopology } from '../topology/topology.ts';

interface Condition {
  type: 'Accepted' | 'Ready';
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  observedGeneration: number;
  lastTransitionTime: string;
}

/** Status of an McpServer, as the CRD has it. */
export interface McpServerStatus {
  observedGeneration: number;
  server: string;
  /** Where clients reach it below the mesh's URL. */
  path: string;
  /** `healthy/all`. */
  replicas: string;
  healthyReplicas: number;
  allReplicas: number;
  /** Slots in use, and slots of replicas that are gone but that sessions may still name. */
  slots: number;
  lostSlots: number;
  /** Null takes it away (JSON merge patch). */
  problem: string | null;
  conditions: Condition[];
}

export interface StatusInput {
  generation: number;
  server: string;
  /** Why the object has no effect. */
  refused: string | null;
  /** Undefined: the mesh does not know it (yet). */
  topology: ServerTopology | undefined;
  /** What discovery says of its backends. */
  problems: readonly string[];
}

/** What is to be said of a server; of `before`, the time of a condition that did not change. */
export function statusOf(input: StatusInput, before: Partial<McpServerStatus> | undefined, now: Date): McpServerStatus {
  const { generation, server, refused, topology, problems } = input;
  const endpoints = refused === null ? (topology?.endpoints ?? []) : [];
  const healthy = endpoints.filter(({ state }) => state !== 'unhealthy').length;
  const problem = refused ?? problems[0] ?? null;
  const condition = (
    type: Condition['type'],
    status: Condition['status'],
    reason: string,
    message: string,
  ): Condition => {
    const former = before?.conditions?.find((each) => each.type === type);
    const since = former?.status === status ? former.lastTransitionTime : now.toISOString().replace(/\.\d+/, '');
    return { type, status, reason, message, observedGeneration: generation, lastTransitionTime: since };
  };
  return {
    observedGeneration: generation,
    server,
    path: `/mcp/${server}`,
    replicas: `${healthy}/${endpoints.length}`,
    healthyReplicas: healthy,
    allReplicas: endpoints.length,
    slots: endpoints.length,
    lostSlots: refused === null ? (topology?.lostSlots.length ?? 0) : 0,
    problem,
    conditions: [
      refused === null
        ? condition('Accepted', 'True', 'Accepted', 'the mesh serves it')
        : condition('Accepted', 'False', 'Refused', refused),
      healthy > 0
        ? condition('Ready', 'True', 'Healthy', `${healthy} of ${endpoints.length} replicas are healthy`)
        : condition(
            'Ready',
            'False',
            refused === null ? 'NoHealthyReplica' : 'Refused',
            problem ?? 'no replica is healthy',
          ),
    ],
  };
}
