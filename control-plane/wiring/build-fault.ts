import type { Config } from '../config/config-schema.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import type { EnvoyNode } from '../resources/node.ts';
import { gatewayResources, sidecarResources } from '../resources/resources-for.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { nothingKnown } from '../topology/inputs.ts';
import { packResource } from '../xds/resource.ts';

const NODE: EnvoyNode = { id: '-', role: 'gateway', listen: '127.0.0.1:1', extProc: [], relay: [] };
/** By the server's own object, which never changes. */
const found = new WeakMap<ServerConfig, { fault: unknown }>();

/**
 * Why nothing can be made of a server; null where it can. All servers are built together, so that one of them would keep every gateway from
 * hearing of any other's replicas.
 */
export function buildFault(server: ServerConfig, file: Config): unknown {
  const known = found.get(server) ?? { fault: faultOf({ ...file, servers: [server] }) };
  found.set(server, known);
  return known.fault;
}

function faultOf(config: Config): unknown {
  try {
    const snapshot = buildTopology({ ...nothingKnown(), config });
    gatewayResources(snapshot, NODE);
    for (const [typeUrl, byName] of sidecarResources(snapshot))
      for (const [name, json] of byName) packResource(typeUrl, name, json);
    return null;
  } catch (error) {
    return error ?? new Error('thrown: nothing');
  }
}
