/** The monitoring checklist: what to look at, how it looks when all is well, which alerts and which panel show it. */
export const checklist: { what: string; green: string; alerts: string[]; panel: string }[] = [
  {
    what: 'gateway cluster',
    green:
      '`up{job="holdfast-gateway"}` and `up{job="holdfast-sidecar"}` are 1, `holdfast_mesh_gateway` is 1 for every node of HA_CLUSTER_NODES',
    alerts: ['GatewayDown', 'SidecarDown', 'GatewayMissing'],
    panel: 'fleet: Gateways',
  },
  {
    what: 'Redis',
    green: '`holdfast_redis_up` is 1 on every node, p99 of its commands below 50 ms',
    alerts: ['RedisDown', 'RedisUnreachable', 'RedisRefusesWrites', 'RedisMemoryHigh', 'RedisSlow'],
    panel: 'fleet: Redis',
  },
  {
    what: 'each server',
    green: '`mcp_server_health` is 1, no `holdfast_mesh_replicas{state="unhealthy"}`, no breaker open',
    alerts: ['ServerUnhealthy', 'ReplicaUnhealthy', 'BreakerOpen'],
    panel: 'fleet: Servers',
  },
  { what: 'balancer', green: '`up{job="holdfast-edge"}` is 1', alerts: ['BalancerDown'], panel: 'fleet: Balancers' },
  {
    what: 'certificate expiry',
    green: 'more than 21 days left',
    alerts: ['CertificateExpiresSoon', 'CertificateExpired'],
    panel: 'fleet: Certificates',
  },
  {
    what: 'response-time SLA',
    green: 'p99 of tool calls below 5 s, of recoveries below 1 s',
    alerts: ['SlowResponses', 'SlowFailover'],
    panel: 'fleet: Response time',
  },
  {
    what: 'error thresholds',
    green: 'less than 0.1 errors a second, 99.9 % answered, no session lost',
    alerts: ['HighErrorRate', 'AvailabilityBurnsFast', 'AvailabilityBurns', 'SessionLossBurnsFast', 'SessionLossBurns'],
    panel: 'fleet: Errors',
  },
  {
    what: 'resource use',
    green: 'sidecars below 400 MB, p99 of the event loop’s delay below 0.2 s',
    alerts: ['MemoryHigh', 'EventLoopSlow', 'OutcomesDropped', 'LimitReached'],
    panel: 'fleet: Resources',
  },
];
