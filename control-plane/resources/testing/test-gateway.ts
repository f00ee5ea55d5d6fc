import { request as httpRequest } from 'node:http';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../../deploy/test/mesh/start-envoy.ts';
import { readBootstrapTemplate } from '../../../envoy/bootstrap-template.ts';
import { buildTopology } from '../../topology/build-topology.ts';
import type { TopologyInputs } from '../../topology/inputs.ts';
import { configOf, inputsOf } from './golden-cases.ts';
import { gatewayResources } from '../resources-for.ts';
import { staticConfig } from './static-config.ts';
import { StubReplica, type Echo } from './stub-replica.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Echo & {
    error?: { code: number; message: string; data: Record<string, unknown> };
    id?: unknown;
    filler?: string;
  };
}

/**
 * A gateway's real Envoy with two replicas (slots 1 and 2). Its relay is a stub, or the one at `otherRelay`. Nobody
 * answers ext_proc, unless `sidecar` says who listens.
 */
export async function gateway(
  t: ExecutionContext,
  settings = '',
  changes: Partial<TopologyInputs> = {},
  mesh = '',
  { otherRelay, sidecar }: { otherRelay?: string; sidecar?: string } = {},
) {
  const one = new StubReplica('one'),
    two = new StubReplica('two'),
    relay = new StubReplica('relay');
  t.teardown(async () => {
    await Promise.all([one.stop(), two.stop(), relay.stop()]);
  });
  const [first, second, relayAt] = await Promise.all([one.start(), two.start(), relay.start()]);
  const config = configOf(
    `${mesh}servers: [{name: linear, ${settings} backends: [{name: stable, replicas: ["${first}", "${second}"]}]}]`,
  );
  const listen = `127.0.0.1:${await freePort()}`;
  const nobody = sidecar ?? `127.0.0.1:${await freePort()}`;
  const resources = gatewayResources(buildTopology(inputsOf(config, changes)), {
    id: 'gateway-1',
    role: 'gateway',
    listen,
    extProc: [nobody],
    relay: [otherRelay ?? relayAt!],
  });
  const { layered_runtime } = parse(readBootstrapTemplate()) as Record<string, unknown>;
  const envoy = await startEnvoy({ config: { ...staticConfig(resources, {}), layered_runtime }, logLevel: 'error' });
  t.teardown(() => envoy.close());
  const port = Number(listen.split(':')[1]);
  const send = (
    headers: Record<string, string | string[]> = {},
    {
      method = 'POST',
      path = '/mcp/linear',
      body = '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"pay"}}' as string | Buffer,
    } = {},
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const request = httpRequest(
        {
          port,
          path,
          method,
          headers: {
            ...(method === 'POST' && {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(body)),
            }),
            ...headers,
          },
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: JSON.parse(Buffer.concat(chunks).toString() || '{}') as Answer['body'],
            }),
          );
        },
      );
      request.on('error', reject);
      request.end(method === 'POST' ? body : undefined);
    });
  return { one, two, relay, send, port, envoy, first: first!, second: second!, relayAt: relayAt!, nobody };
}
