import { isDeepStrictEqual } from 'node:util';
import type { TopologySnapshot } from './topology.ts';

/** The same snapshot, with the very objects of the one before wherever they are equal: what is made of them need not be made again. */
export function shareUnchanged(before: TopologySnapshot | null, after: TopologySnapshot): TopologySnapshot {
  if (before === null) return after;
  const former = new Map(before.servers.map((server) => [server.name, server]));
  const same = <T>(old: T, next: T): T => (isDeepStrictEqual(old, next) ? old : next);
  const servers = after.servers.map((server) => same(former.get(server.name) ?? server, server));
  const shared: TopologySnapshot = {
    servers:
      servers.length === before.servers.length && servers.every((server, index) => server === before.servers[index])
        ? before.servers
        : servers,
    gateways: same(before.gateways, after.gateways),
    gatewaysOut: same(before.gatewaysOut, after.gatewaysOut),
    gateway: same(before.gateway, after.gateway),
    trustDomain: after.trustDomain,
    edge: same(before.edge, after.edge),
    loadBalancer: same(before.loadBalancer, after.loadBalancer),
    port: after.port,
    tracing: same(before.tracing, after.tracing),
  };
  const keys = Object.keys(shared) as Array<keyof TopologySnapshot>;
  return keys.every((key) => shared[key] === before[key]) ? before : shared;
}
