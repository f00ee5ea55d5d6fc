import { join } from 'node:path';
import { openIdentity, type Identity } from '../identity/open-identity.ts';
import type { ServerView, Topology } from '../xds/topology.ts';
import { TopologyClient } from '../xds/topology-client.ts';
import type { Node } from './node.ts';
import { reportTopology } from './report-topology.ts';

export interface Mesh {
  /** Null without certificates. */
  identity: Identity | null;
  client: TopologyClient;
  topology(): Topology;
  server(name: string): ServerView | undefined;
}

/** This node's certificate, and its subscription at the control planes. Nothing is heard before `client.start()`. */
export function joinMesh(node: Node, version: string): Mesh {
  const { settings, nodeId, metrics, log, failing } = node;
  const { certs: folder, controlPlanes: addresses, stateDir } = settings;
  const identity =
    folder === null ? null : openIdentity({ folder, nodeId, metrics: metrics.links, log, now: Date.now });
  const client = new TopologyClient({
    addresses,
    nodeId,
    version,
    metadata: () => node.heartbeat(),
    ...(identity && { tls: identity.controlPlane }),
    ...(stateDir !== null && { stateFile: join(stateDir, `${nodeId}.topology.json`) }),
  });
  reportTopology(client, metrics.links, log);
  client.on('failure', failing('xds'));
  return {
    identity,
    client,
    topology: () => client.topology,
    server: (name) => client.topology.server(name),
  };
}
