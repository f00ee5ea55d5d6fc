import { ControlLoop } from '../control-loop.ts';
import type { Inputs } from '../sources/inputs.ts';
import type { XdsServer } from '../xds/xds-server.ts';
import type { Runtime } from './runtime.ts';

/** The control loop: each change of the inputs, and each node that comes, gives nodes their resources. */
export function startLoop({ errors, topology, log }: Runtime, inputs: Inputs, xds: XdsServer): ControlLoop {
  const loop = new ControlLoop({
    errors,
    topology,
    inputs: () => inputs.read(),
    nodes: () => xds.nodes(),
    publish: (key, resources) => xds.setSnapshot(key, resources),
    onSnapshot: ({ servers, gateways }) =>
      log.debug({ servers: servers.length, gateways: gateways.length }, 'topology'),
    onError: (key, error) =>
      log.error({ node: key, error: error.message }, 'resources refused; the node keeps what it has'),
  });
  inputs.onChange(() => loop.touch());
  xds.on('connect', (node, key) => loop.welcome(key, node));
  return loop;
}
