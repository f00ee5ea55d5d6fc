import * as z from 'zod';

/**
 * Settings that come from the environment (their names are a contract with users) or from the configuration file; the environment wins.
 * Both processes read them: the control plane as part of the whole file, the sidecar only these.
 */
const ms = (fallback: number) => z.int().min(1).max(86_400_000).default(fallback);

export const sharedSettingsSchema = z.object({
  ha: z
    .strictObject({
      mode: z
        .enum(['cluster', 'standalone'])
        .default('cluster')
        .describe('cluster: several gateway nodes share sessions. standalone: one node works alone.'),
      nodeId: z.string().min(1).max(63).default('gateway-1').describe('Name of this node; unique in the cluster.'),
      clusterNodes: z
        .array(z.string())
        .default([])
        .describe('Names of the gateway nodes that should be there; a missing one is reported.'),
      healthCheckIntervalMs: ms(5000).describe('How often the registered health checks run.'),
      failoverTimeoutMs: ms(10_000).describe('A node whose heartbeat is older than this is gone.'),
    })
    .prefault({}),
  loadBalancer: z
    .strictObject({
      healthCheckPath: z
        .string()
        .startsWith('/')
        .default('/health')
        .describe('Path of the health check of gateway nodes and of replicas’ plain HTTP checks.'),
      healthCheckIntervalMs: ms(3000),
      healthCheckTimeoutMs: ms(2000),
    })
    .prefault({}),
  sessionStore: z
    .strictObject({
      type: z.enum(['redis', 'memory']).default('redis').describe('memory: for one node alone.'),
      url: z
        .string()
        .default('redis://127.0.0.1:6379')
        .describe(
          'redis://, rediss://, redis+sentinel://host:port,host:port/master-name, or redis+cluster://host:port,host:port.',
        ),
      isFailoverEnabled: z.boolean().default(true).describe('Whether lost sessions are rebuilt elsewhere at all.'),
      records: z
        .enum(['plain', 'compact'])
        .default('plain')
        .describe(
          'How gateways write session records. compact: in half the memory, once every gateway and control plane runs a version that knows this key. plain: before you go back to an earlier one.',
        ),
      cachedSessions: z
        .int()
        .min(1000)
        .max(10_000_000)
        .default(50_000)
        .describe(
          'Sessions that a gateway node knows without asking Redis, and can rebuild while Redis is away; at most 2 KB of memory each.',
        ),
      maxMemoryPercent: z
        .int()
        .min(1)
        .max(100)
        .default(80)
        .describe(
          'Share of Redis’s maxmemory beyond which no session begins (503): the rest is for the sessions that live and for the control plane. 100: no limit.',
        ),
    })
    .prefault({}),
  circuitBreaker: z
    .strictObject({
      enabled: z.boolean().default(true),
      threshold: z.int().min(1).max(10_000).default(5),
      timeoutMs: ms(30_000),
    })
    .prefault({}),
  port: z.int().min(0).max(65_535).default(37373).describe('Port that clients connect to; 0 takes a free one.'),
});
export type SharedSettings = z.infer<typeof sharedSettingsSchema>;

interface EnvironmentName {
  name: string;
  path: string;
  kind: 'text' | 'number' | 'boolean' | 'list';
  description: string;
}

/** The environment variables, each with the path of its twin in the configuration file. */
export const ENVIRONMENT: readonly EnvironmentName[] = [
  { name: 'HA_MODE', path: 'ha.mode', kind: 'text', description: 'cluster or standalone' },
  { name: 'HA_NODE_ID', path: 'ha.nodeId', kind: 'text', description: 'name of this node' },
  {
    name: 'HA_CLUSTER_NODES',
    path: 'ha.clusterNodes',
    kind: 'list',
    description: 'names of all gateway nodes, comma-separated',
  },
  {
    name: 'HA_HEALTH_CHECK_INTERVAL',
    path: 'ha.healthCheckIntervalMs',
    kind: 'number',
    description: 'ms between health checks',
  },
  {
    name: 'HA_FAILOVER_TIMEOUT',
    path: 'ha.failoverTimeoutMs',
    kind: 'number',
    description: 'ms after which a silent node is gone',
  },
  {
    name: 'LB_HEALTH_CHECK_PATH',
    path: 'loadBalancer.healthCheckPath',
    kind: 'text',
    description: 'path of the balancer’s health check',
  },
  {
    name: 'LB_HEALTH_CHECK_INTERVAL',
    path: 'loadBalancer.healthCheckIntervalMs',
    kind: 'number',
    description: 'ms between the balancer’s checks',
  },
  {
    name: 'LB_HEALTH_CHECK_TIMEOUT',
    path: 'loadBalancer.healthCheckTimeoutMs',
    kind: 'number',
    description: 'ms for one of them',
  },
  { name: 'SESSION_STORE', path: 'sessionStore.type', kind: 'text', description: 'redis or memory' },
  { name: 'SESSION_STORE_URL', path: 'sessionStore.url', kind: 'text', description: 'where Redis is' },
  {
    name: 'SESSION_FAILOVER_ENABLED',
    path: 'sessionStore.isFailoverEnabled',
    kind: 'boolean',
    description: 'rebuild lost sessions elsewhere',
  },
  { name: 'CIRCUIT_BREAKER_ENABLED', path: 'circuitBreaker.enabled', kind: 'boolean', description: 'breakers act' },
  {
    name: 'CIRCUIT_BREAKER_THRESHOLD',
    path: 'circuitBreaker.threshold',
    kind: 'number',
    description: 'faults in a row that open a breaker',
  },
  {
    name: 'CIRCUIT_BREAKER_TIMEOUT',
    path: 'circuitBreaker.timeoutMs',
    kind: 'number',
    description: 'ms a breaker stays open',
  },
  { name: 'PORT', path: 'port', kind: 'number', description: 'port that clients connect to' },
];
