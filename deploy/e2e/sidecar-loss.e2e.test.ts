import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';

/** Longer than Envoy keeps an ejected relay out: the requests right after that are the ones that could fail. */
const LOAD_MS = 5000;

test('while a gateway’s sidecar is dead its sessions go on over the neighbour’s, new ones and those that were moved as well', async (t) => {
  t.timeout(120_000);
  await using mesh = await startMesh({ servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } } });
  const moved = await connectClient({ kind: 'v1', url: mesh.url('linear') });
  const home = String((await moved.callTool('cart')).data['replica']);
  await mesh.replicas.find(({ name }) => name === home)!.process.restart('SIGKILL');
  await moved.callTool('cart');
  await mesh.settled();
  const kept = await connectClient({ kind: 'v1', url: mesh.url('linear') });

  await mesh.gateways[0]!.sidecars[0]!.process.kill();
  const failures: string[] = [];
  const attempt = (what: string, work: Promise<unknown>): Promise<unknown> => work.catch((error: Error) => failures.push(`${what}: ${error.message}`));
  for (const endMs = performance.now() + LOAD_MS; performance.now() < endMs; await sleep(20)) {
    await attempt('moved session', moved.callTool('cart'));
    await attempt('steady session', kept.callTool('cart'));
    await attempt('new session', connectClient({ kind: 'v1', url: mesh.url('linear') }).then((client) => client.terminate()));
  }
  t.deepEqual(failures, []);
  await Promise.all([moved.terminate(), kept.terminate()]);
});
