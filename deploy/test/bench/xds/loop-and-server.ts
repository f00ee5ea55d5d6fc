import { Registry } from 'prom-client';
import { ControlLoop } from '../../../../control-plane/control-loop.ts';
import type { TopologyInputs } from '../../../../control-plane/topology/inputs.ts';
import { XdsServer } from '../../../../control-plane/xds/xds-server.ts';

/** The control plane's own loop and xDS server, over inputs that a benchmark changes. `refusals`: what nodes refused, or what could not be built. */
export function loopAndServer(inputs: () => TopologyInputs) {
  const registry = new Registry(),
    refusals: string[] = [];
  const server = new XdsServer({ registry, staticClusters: ['control-plane'] });
  const loop = new ControlLoop({
    inputs,
    nodes: () => server.nodes(),
    publish: (key, resources) => {
      server.setSnapshot(key, resources);
    },
    onSnapshot: () => undefined,
    onError: (key, error) => {
      refusals.push(`${key}: ${error.message}`);
    },
  });
  server.on('connect', (node, key) => loop.welcome(key, node));
  server.on('nack', ({ node, reason }) => {
    refusals.push(`${node.role} ${node.id}: ${reason}`);
  });
  return { loop, server, registry, refusals };
}
