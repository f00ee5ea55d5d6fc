import type { ExecutionContext } from 'ava';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../../deploy/test/mesh/start-envoy.ts';
import { renderBootstrap } from '../../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import type { TopologyInputs } from '../../topology/inputs.ts';
import { loopAndServer } from './loop-and-server.ts';

/** A gateway's Envoy on `port`, told by a control loop of its own of what `inputs` gives. What it refuses fails the test; it ends with the test. */
export async function envoyOverXds(t: ExecutionContext, inputs: () => TopologyInputs, relay: string) {
  const { loop, server } = loopAndServer(inputs, (why) => t.fail(why));
  loop.run();
  const controlPlane = `127.0.0.1:${await server.listen('127.0.0.1:0')}`,
    port = await freePort();
  t.teardown(() => server.close());
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId: 'gateway-1',
    role: 'gateway',
    listen: `127.0.0.1:${port}`,
    extProc: [relay],
    relay: [relay],
    controlPlanes: [controlPlane],
    admin: '127.0.0.1:0',
  });
  const envoy = await startEnvoy({ config: bootstrap, logLevel: 'error' });
  t.teardown(() => envoy.close());
  return { loop, server, envoy, port };
}
