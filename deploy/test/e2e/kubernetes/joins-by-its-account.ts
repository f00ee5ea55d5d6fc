import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { PodTemplate } from '../../../../control-plane/inject/manifest.ts';
import type { Redis } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import type { ApiCluster } from './api-cluster.ts';
import type { ControlPlaneProcess } from './control-plane-process.ts';
import { getJson } from './get-json.ts';
import { gatewayServer, joiningPod } from './joining-pod.ts';
import { messageOf, pod, PODS } from './plain-pod.ts';

/** An address whose tokens were refused has to wait for its next place (HTTP 429), as every pod does. */
async function inTime<T>(join: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await join();
    } catch (error) {
      if (!(error as Error).message.includes('HTTP 429')) throw error;
      await pause(100);
    }
}

interface Stage {
  cluster: ApiCluster;
  controlPlane: ControlPlaneProcess;
  redis: Redis;
}

/** A pod that the webhook injected joins and renews; whoever shows another token does not. */
export async function joinsByItsAccount(t: ExecutionContext, { cluster, controlPlane, redis }: Stage): Promise<void> {
  t.timeout(180_000);
  const made = await cluster.request('POST', PODS, pod('joins'));
  t.is(made.status, 201, messageOf(made));
  const injected = made.body as unknown as PodTemplate;
  t.notRegex(JSON.stringify(injected.spec), /"secret":|secretKeyRef/, 'it needs no Secret');
  const joining = await joiningPod(cluster, injected);
  const joined = await joining.run();
  t.is(joined.code, 0, joined.text);
  t.regex(joined.text, /joined the mesh as mcp\.joins/);
  t.is(await joining.read('redis-url'), redis.url);
  // A real sidecar with what the pod got, and nothing else: the control plane and Redis know it.
  const sidecar = await joining.sidecar(controlPlane.xds);
  t.teardown(() => sidecar.kill());
  await sidecar.start();
  await waitFor(
    async () => JSON.stringify(await getJson(`${controlPlane.adminUrl}/v1/gateways`)).includes('mcp.joins'),
    {
      what: 'the control plane names the pod’s node',
    },
  );
  const first = await joining.read('tls.crt');
  await joining.renewed(first);
  t.not(await joining.read('tls.crt'), first);

  const impostor = await gatewayServer(controlPlane.caFile);
  t.teardown(() => impostor.close());
  await t.throwsAsync(joining.join(await joining.token({}), impostor.address), {
    message: /no control plane of a mesh/,
  });
  t.is(impostor.heard(), 0, 'a gateway of the mesh is shown no token');
  for (const [what, token, why] of [
    ['of another audience', await joining.token({ audiences: undefined }), /HTTP 401: this token is not good/],
    ['of no pod', await joining.token({ boundObjectRef: undefined }), /HTTP 401: this token is not good/],
    ['made up', 'eyJhbGciOiJub25lIn0.e30.', /HTTP 401: this token is not good/],
  ] as const)
    await t.throwsAsync(
      inTime(() => joining.join(token)),
      { message: why },
      what,
    );
  const late = await joining.token({});
  await cluster.request('DELETE', `${PODS}/joins?gracePeriodSeconds=0`);
  await t.throwsAsync(
    inTime(() => joining.join(late)),
    { message: /HTTP 401/ },
    'its pod is gone',
  );
  await cluster.request('POST', PODS, pod('joins'));
  const again = await joiningPod(
    cluster,
    (await cluster.request('GET', `${PODS}/joins`)).body as unknown as PodTemplate,
  );
  const labels = (value: string | null) =>
    cluster.request(
      'PATCH',
      '/api/v1/namespaces/mcp',
      { metadata: { labels: { 'mesh.holdfast/members': value } } },
      'application/merge-patch+json',
    );
  await labels(null);
  const token = await again.token({});
  await t.throwsAsync(
    inTime(() => again.join(token)),
    {
      message: /HTTP 403: the namespace mcp has no label mesh.holdfast\/members=true/,
    },
  );
  await labels('true');
  await inTime(() => again.join(token));
  const metrics = await (await fetch(`${controlPlane.adminUrl}/metrics`)).text();
  // The API server itself does not take a token of another audience.
  for (const result of ['joined', 'token', 'unbound', 'namespace'])
    t.regex(metrics, new RegExp(`holdfast_joins_total\\{result="${result}"\\} [1-9]`));
  t.notRegex(controlPlane.process.log(), /PRIVATE KEY|eyJ|redis:\/\//);
  await cluster.request('DELETE', `${PODS}/joins?gracePeriodSeconds=0`);
}
