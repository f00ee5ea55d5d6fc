import { Registry } from 'prom-client';
import { ControlLoop } from '../../control-loop.ts';
import type { TopologyInputs } from '../../topology/inputs.ts';
import { XdsServer } from '../../xds/xds-server.ts';

/** The control plane's own loop and xDS server, over inputs that a test or benchmark changes. `refused`: told what a node refused, or what could not be built. */
export function loopAndServer(inputs: () => TopologyInputs, refused: (why: string) => void) {
  const registry = new Registry();
  const server = new XdsServer({ registry, staticClusters: ['control-plane'] });
  const loop = new ControlLoop({
    inputs,
    nodes: () => server.nodes(),
    publish: (key, resources) => {
      server.setSnapshot(key, resources);
    },
    onSnapshot: () => undefined,
    onError: (key, error) => {
      refused(`${key}: ${error.message}`);
    },
  });
  server.on('connect', (node, key) => loop.welcome(key, node));
  server.on('nack', ({ node, reason }) => {
    refused(`${node.role} ${node.id}: ${reason}`);
  });
  return { loop, server, registry };
}
