import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Registry } from 'prom-client';
import { renderBootstrap } from '../../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../../envoy/bootstrap-template.ts';
import { freePort } from '../../mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../../mesh/start-envoy.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { inputsOfFleet, type Fleet } from './fleet.ts';

/** An Envoy that has been told of a fleet over xDS, as a control plane tells it. */
export interface FleetGateway extends AsyncDisposable {
  fleet: Fleet;
  port: number;
  envoy: Envoy;
  /** Bytes of its routes on the wire. */
  routeBytes: number;
}

type Control = typeof import('../../../../control-plane/control-loop.ts');
type Xds = typeof import('../../../../control-plane/xds/xds-server.ts');

/** Parts of another checkout, or of this one: what it would tell an Envoy. */
async function controlPlaneOf(folder: string): Promise<Pick<Control, 'ControlLoop'> & Pick<Xds, 'XdsServer'>> {
  const load = (file: string): Promise<unknown> => import(pathToFileURL(resolve(folder, file)).href);
  const { ControlLoop } = (await load('control-plane/control-loop.ts')) as Control;
  const { XdsServer } = (await load('control-plane/xds/xds-server.ts')) as Xds;
  return { ControlLoop, XdsServer };
}

/** `upstreams` are the first and the last replica, and the first one stands for the relay as well. */
export async function startFleetGateway(
  folder: string,
  fleet: Fleet,
  upstreams: readonly [string, string],
): Promise<FleetGateway> {
  const { ControlLoop, XdsServer } = await controlPlaneOf(folder);
  await using cleanup = new AsyncDisposableStack();
  const inputs = inputsOfFleet(fleet, upstreams),
    refusals: string[] = [];
  const server = new XdsServer({
    registry: new Registry(),
    staticClusters: ['control-plane'],
  });
  const loop = new ControlLoop({
    inputs: () => inputs,
    nodes: () => server.nodes(),
    publish: (key, resources) => {
      server.setSnapshot(key, resources);
    },
    onSnapshot: () => undefined,
    onError: (key, error) => refusals.push(`${key}: ${error.message}`),
  });
  // Older checkouts know no other way to give a node that connects its resources.
  server.on('connect', (node, key) => {
    const resources = loop.resourcesFor(node);
    if (resources) server.setSnapshot(key, resources);
  });
  server.on('nack', ({ reason }) => refusals.push(reason));
  loop.run();
  const xds = await server.listen('127.0.0.1:0');
  cleanup.defer(() => server.close());
  const port = await freePort();
  const envoy = await startEnvoy({
    config: renderBootstrap(readBootstrapTemplate(), {
      nodeId: 'gateway-1',
      role: 'gateway',
      listen: `127.0.0.1:${port}`,
      extProc: [upstreams[0]],
      relay: [upstreams[0]],
      controlPlanes: [`127.0.0.1:${xds}`],
      admin: '127.0.0.1:0',
    }),
    logLevel: 'error',
  });
  cleanup.defer(() => envoy.close());
  // Envoy listens when it has the routes, whatever their names are in that checkout.
  await waitFor(async () => refusals.length > 0 || (await answers(port)), { what: `the routes of ${fleet.name}` });
  if (refusals.length > 0) throw new Error(`${fleet.name}: ${refusals[0]}`);
  const routes = [...(server.snapshot(server.nodes()[0]?.key ?? '')?.values() ?? [])];
  const owned = cleanup.move();
  return {
    fleet,
    port,
    envoy,
    routeBytes: routes
      .flatMap((byName) => [...byName.values()])
      .filter(({ any }) => any.type_url.endsWith('.RouteConfiguration'))
      .reduce((sum, { any }) => sum + any.value.length, 0),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/health`).then(
    () => true,
    () => false,
  );
