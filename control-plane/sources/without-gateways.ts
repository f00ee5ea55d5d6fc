import type { Config } from '../config/config-schema.ts';
import { key } from '../discovery/discovery.ts';
import type { SourceReport } from '../discovery/source.ts';
import { twinOf } from '../inject/twin.ts';
import type { GatewayNode } from '../topology/topology.ts';

/**
 * The reports without replicas that are nodes of this mesh: a server that leads to a gateway would send each request round and round. After
 * `holdfast inject` a Service leads to the Envoys of its pods, while a configuration of before still names it. The report says what to name instead.
 */
export function withoutGateways(
  reports: ReadonlyMap<string, SourceReport>,
  config: Config,
  gateways: readonly GatewayNode[],
): ReadonlyMap<string, SourceReport> {
  const nodes = new Map(
    gateways.flatMap(({ id, listen, relay, peer }) =>
      [listen, peer, ...relay].filter((each) => each !== null).map((address) => [address, id] as const),
    ),
  );
  const isNode = ({ address }: { address: string }): boolean => nodes.has(address);
  if (![...reports.values()].some(({ replicas }) => replicas?.some(isNode))) return reports;
  return new Map(
    [...reports].map(([name, report]) => {
      const [first] = report.replicas?.filter(isNode) ?? [];
      if (!first) return [name, report];
      const problem = `${first.address} is the gateway node ${nodes.get(first.address)} of this mesh, not a replica: ${adviceFor(config, name)}`;
      return [name, { ...report, replicas: report.replicas?.filter((each) => !isNode(each)) ?? null, problem }];
    }),
  );
}

function adviceFor(config: Config, name: string): string {
  const backends = config.servers.flatMap((server) => server.backends.map((backend) => ({ server, backend })));
  const discovery = backends.find(({ server, backend }) => key(server.name, backend.name) === name)?.backend.discovery;
  return discovery?.type === 'kubernetes'
    ? `the Service ${discovery.service} leads to Envoy since its pods were injected; name its twin ${twinOf(discovery.service)}`
    : 'name the addresses of the MCP servers themselves';
}
