import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createAuthority, issueLeaf } from '../../../control-plane/certs/authority.ts';
import { configOf, inputsOf } from '../../../control-plane/resources/testing/golden-cases.ts';
import { gatewayResources } from '../../../control-plane/resources/resources-for.ts';
import { staticConfig } from '../../../control-plane/resources/testing/static-config.ts';
import { StubReplica } from '../../../control-plane/resources/testing/stub-replica.ts';
import { buildTopology } from '../../../control-plane/topology/build-topology.ts';
import type { GrpcTls } from '../../../proto/tls/grpc-credentials.ts';
import { externalProcessorService } from '../../../proto/xds/services.ts';
import { createGrpcServer } from '../../../sidecar/ext-proc/grpc-server.ts';
import { freePort } from './free-port.ts';
import { startEnvoy } from './start-envoy.ts';

interface Message {
  request?: string;
}

/** A neighbour's sidecar that lets everything pass, behind mTLS; certificates of gateway-1 and gateway-2 in one folder. */
async function neighbour(t: ExecutionContext, serverUri = 'spiffe://m/gateway/gateway-2') {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-peer-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const now = new Date();
  const authority = await createAuthority({ name: 'ours', days: 1, now });
  await writeFile(join(folder, 'ca.crt'), authority.certificate);
  const files = async (name: string, uri?: string, from = authority): Promise<GrpcTls> => {
    const leaf = await issueLeaf(from, { name, altNames: ['127.0.0.1'], uri, days: 1, now });
    const paths = {
      certificateFile: join(folder, `${name}.crt`),
      keyFile: join(folder, `${name}.key`),
      caFile: join(folder, 'ca.crt'),
    };
    await Promise.all([writeFile(paths.certificateFile, leaf.certificate), writeFile(paths.keyFile, leaf.key)]);
    return paths;
  };
  const stranger = await createAuthority({ name: 'ours', days: 1, now });
  const [, theirs, ...others] = await Promise.all([
    files('gateway-1', 'spiffe://m/gateway/gateway-1'),
    files('gateway-2', serverUri),
    files('nobody'),
    files('edge', 'spiffe://m/edge/edge'),
    files('control-plane', 'spiffe://m/control-plane/control-plane'),
    files('other-mesh', 'spiffe://other/gateway/gateway-1'),
    files('foreign', 'spiffe://m/gateway/gateway-1', stranger),
  ]);
  const refused: string[] = [];
  const server = createGrpcServer({ onError: (error) => t.log(error) });
  let asked = 0;
  const { Process } = externalProcessorService;
  server.add(Process!, (call) => ({
    onMessage(message: Message) {
      asked++;
      call.send({ [message.request!]: { response: {} } });
    },
    onHalfClose: () => {
      call.end();
    },
    onClose: () => {},
  }));
  const peer = `127.0.0.1:${await freePort()}`;
  await server.listen(peer, {
    ...theirs,
    expects: { trustDomain: 'm', role: 'gateway' },
    onRefused: (reason) => refused.push(reason),
  });
  t.teardown(() => server.close(0));
  return { folder, peer, others, refused, asked: () => asked };
}

async function gateway(t: ExecutionContext, folder: string, peer: string): Promise<() => Promise<number>> {
  const replica = new StubReplica('one');
  t.teardown(() => replica.stop());
  const listen = `127.0.0.1:${await freePort()}`,
    nobody = `127.0.0.1:${await freePort()}`;
  const peerTls = `{certificateFile: "${folder}/{node}.crt", keyFile: "${folder}/{node}.key", caFile: "${folder}/ca.crt", serverName: gateway-2}`;
  const config = configOf(
    `gateway: {peerTls: ${peerTls}}\nservers: [{name: linear, backends: [{name: stable, replicas: ["${await replica.start()}"]}]}]`,
  );
  const gateways = [{ id: 'gateway-2', relay: [], peer, listen: null, isDraining: false }];
  const resources = gatewayResources(buildTopology(inputsOf(config, { gateways })), {
    id: 'gateway-1',
    role: 'gateway',
    listen,
    extProc: [nobody],
    relay: [nobody],
  });
  const envoy = await startEnvoy({ config: staticConfig(resources, {}) as Record<string, unknown>, logLevel: 'error' });
  t.teardown(() => envoy.close());
  return async () =>
    (
      await fetch(`http://${listen}/mcp/linear`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
    ).status;
}

test('with its own sidecar dead a gateway asks its neighbour’s over mTLS', async (t) => {
  const { folder, peer, asked } = await neighbour(t);
  const ask = await gateway(t, folder, peer);
  t.is(await ask(), 200);
  t.true(asked() > 0);
});

test('a neighbour that answers with another role’s certificate is not asked', async (t) => {
  const { folder, peer, asked } = await neighbour(t, 'spiffe://m/edge/gateway-2');
  const ask = await gateway(t, folder, peer);
  t.not(await ask(), 200);
  t.is(asked(), 0);
});

/** Asks a neighbour's sidecar with these files, or without any; true when nothing was answered. */
const isRefused = (t: ExecutionContext, peer: string, files?: GrpcTls): Promise<boolean> =>
  new Promise((resolve) => {
    const session = connectHttp2(`https://${peer}`, {
      rejectUnauthorized: false,
      ...(files && { cert: readFileSync(files.certificateFile), key: readFileSync(files.keyFile) }),
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': externalProcessorService['Process']!.path,
      'content-type': 'application/grpc',
    });
    stream.on('response', () => resolve(false));
    for (const event of ['error', 'close']) stream.on(event, () => resolve(true));
    session.on('error', () => resolve(true));
    stream.end();
    t.teardown(() => session.destroy());
  });

test('who shows no certificate, or not a gateway’s of this mesh, gets nothing from a neighbour’s sidecar, and is counted', async (t) => {
  const { peer, asked, others, refused } = await neighbour(t);
  t.true(await isRefused(t, peer));
  for (const files of others) t.true(await isRefused(t, peer, files), files.certificateFile);
  t.deepEqual(refused, ['no_certificate', 'other_mesh', 'role', 'role', 'other_mesh', 'no_certificate']);
  t.is(asked(), 0);
});
