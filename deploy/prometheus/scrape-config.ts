/** What Prometheus scrapes: `node → host:port`. */
export interface ScrapeTargets {
  /** Envoy of each gateway node: its metrics listener, or its admin interface. */
  gateways: Record<string, string>;
  sidecars: Record<string, string>;
  controlPlanes: Record<string, string>;
  /** Envoy of each balancer. */
  edges?: Record<string, string>;
}

export interface ScrapeOptions {
  intervalSeconds: number;
  /** Rule files, relative to the configuration file. */
  ruleFiles: readonly string[];
  /** `host:port` of each Alertmanager. */
  alertmanagers?: readonly string[];
}

/** Prometheus's configuration file as a plain object. Jobs and the label `node` are what rules and dashboards go by. */
export function scrapeConfig(
  targets: ScrapeTargets,
  { intervalSeconds, ruleFiles, alertmanagers = [] }: ScrapeOptions,
): object {
  const job = (job_name: string, of: Record<string, string>, metrics_path = '/metrics'): object => ({
    // What a sidecar or control plane says of a node is about that node, not about itself.
    job_name,
    metrics_path,
    honor_labels: true,
    static_configs: Object.entries(of).map(([node, target]) => ({ targets: [target], labels: { node } })),
  });
  return {
    global: {
      scrape_interval: `${intervalSeconds}s`,
      scrape_timeout: `${Math.min(10, intervalSeconds)}s`,
      evaluation_interval: `${intervalSeconds}s`,
    },
    rule_files: ruleFiles,
    ...(alertmanagers.length > 0 && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] },
    }),
    scrape_configs: [
      job('holdfast-gateway', targets.gateways, '/stats/prometheus'),
      job('holdfast-edge', targets.edges ?? {}, '/stats/prometheus'),
      job('holdfast-sidecar', targets.sidecars),
      job('holdfast-control-plane', targets.controlPlanes),
    ],
  };
}

/** The topology of docker-compose.yml. */
export const COMPOSE_TARGETS: ScrapeTargets = {
  gateways: { 'gateway-1': 'gateway-1:9902', 'gateway-2': 'gateway-2:9902', 'gateway-3': 'gateway-3:9902' },
  sidecars: { 'gateway-1': 'gateway-1:7901', 'gateway-2': 'gateway-2:7901', 'gateway-3': 'gateway-3:7901' },
  controlPlanes: { 'control-plane-1': 'control-plane-1:18001', 'control-plane-2': 'control-plane-2:18001' },
  edges: { edge: 'edge:9902', 'edge-standby': 'edge-standby:9902' },
};
