import { parse } from 'yaml';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { freePort } from './free-port.ts';
import { prepareEnvoy, type Envoy } from './start-envoy.ts';

/** A balancer before the gateways: an Envoy that the same control plane tells what to do. */
export interface Edge {
  name: string;
  /** `http://ip:port` where clients connect. */
  url: string;
  envoy: Envoy;
}

/** An edge's handle; not started. */
export async function prepareEdge({
  name,
  folder,
  xds,
  concurrency,
}: {
  name: string;
  folder: string;
  xds: readonly string[];
  concurrency: number;
}): Promise<Edge> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId: name,
    role: 'edge',
    listen: `127.0.0.1:${port}`,
    extProc: [],
    relay: [],
    controlPlanes: xds,
    admin: `127.0.0.1:${adminPort}`,
  });
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    envoy: await prepareEnvoy({ config: parse(bootstrap), folder, name: `${name} envoy`, adminPort, concurrency }),
  };
}
