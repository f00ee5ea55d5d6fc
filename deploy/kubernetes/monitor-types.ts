import type { Attribute } from './attribute.ts';

/**
 * The kinds of the Prometheus operator that the overlays use, with the fields that ours may have. Names and types are
 * those of the operator's published definitions (monitoring.coreos.com/v1). They were read from the npm package
 * @kubernetes-models/prometheus-operator 6.0.0, whose validation took the same manifests. Stricter than those: what is
 * not here is not used, and a typing error is found.
 */
const RELABELING = {
  action: 'string',
  modulus: 'number',
  regex: 'string',
  replacement: 'string',
  separator: 'string',
  sourceLabels: 'Array<string>',
  targetLabel: 'string',
};
const ENDPOINT = {
  port: 'string',
  path: 'string',
  scheme: 'string',
  interval: 'string',
  scrapeTimeout: 'string',
  honorLabels: 'boolean',
  honorTimestamps: 'boolean',
  followRedirects: 'boolean',
  relabelings: 'Array<PrometheusRelabelConfig>',
  metricRelabelings: 'Array<PrometheusRelabelConfig>',
};
const SPEC = {
  selector: 'V1LabelSelector',
  jobLabel: 'string',
  podTargetLabels: 'Array<string>',
  sampleLimit: 'number',
  targetLimit: 'number',
  labelLimit: 'number',
};
const kind = (spec: string): Record<string, string> => ({
  apiVersion: 'string',
  kind: 'string',
  metadata: 'V1ObjectMeta',
  spec,
});

const TYPES: Record<string, Record<string, string>> = {
  PrometheusPodMonitor: kind('PrometheusPodMonitorSpec'),
  PrometheusServiceMonitor: kind('PrometheusServiceMonitorSpec'),
  PrometheusPodMonitorSpec: { ...SPEC, podMetricsEndpoints: 'Array<PrometheusEndpoint>' },
  PrometheusServiceMonitorSpec: { ...SPEC, targetLabels: 'Array<string>', endpoints: 'Array<PrometheusEndpoint>' },
  PrometheusEndpoint: ENDPOINT,
  PrometheusPrometheusRule: kind('PrometheusRuleSpec'),
  PrometheusRuleSpec: { groups: 'Array<PrometheusRuleGroup>' },
  PrometheusRuleGroup: { name: 'string', interval: 'string', rules: 'Array<PrometheusRuleEntry>' },
  PrometheusRuleEntry: {
    alert: 'string',
    record: 'string',
    expr: 'IntOrString',
    for: 'string',
    labels: '{ [key: string]: string; }',
    annotations: '{ [key: string]: string; }',
  },
  PrometheusRelabelConfig: RELABELING,
};

/** Types by the names they have here, in the form that Kubernetes' own models have. */
export const MONITOR_MODELS: Record<string, { getAttributeTypeMap(): Attribute[] }> = Object.fromEntries(
  Object.entries(TYPES).map(([name, fields]) => [
    name,
    { getAttributeTypeMap: () => Object.entries(fields).map(([baseName, type]) => ({ baseName, type })) },
  ]),
);
