import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { waitFor } from '../../../mesh/wait-for.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import { knowsChange } from './rows-api-server.ts';
import type { Stage } from './row.ts';
import type { Cluster } from './whole-cluster.ts';

/** Where Kubernetes puts the token of an account. */
export const TOKEN_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
export const DEPLOYMENT = 'holdfast-control-plane';
/** The Secret out of which the pods of control planes get their token. */
const HOLDER = 'control-plane-token';
/** The shortest that Kubernetes gives. */
const LIFETIME = '600s';
const REFUSED_MS = 20_000;

/**
 * The token of the control planes is refused while they watch, as one is that expired. After a while a new one stands
 * in its file, and nobody restarts them. A token that is bound to an object ends with it, so nobody waits ten minutes.
 */
export async function rotatedToken(stage: Stage): Promise<Objective[]> {
  const { api, kubectl } = stage.cluster;
  const first = await issueToken(stage.cluster, 'token-one');
  await kubectl.apply(secretWith(first));
  await kubectl.run(['--namespace', HOLDFAST, 'patch', 'deployment', DEPLOYMENT, '--patch', patch(ofSecret)]);
  await kubectl.rolledOut(HOLDFAST, `deploy/${DEPLOYMENT}`);
  const pods = (await podsThatStay(stage.cluster)).map(({ address }) => address);
  await kubectl.run(['--namespace', HOLDFAST, 'delete', 'secret', 'token-one']);
  await waitFor(async () => !(await isGood(stage.cluster, first)), {
    what: 'the first token is refused',
    timeoutMs: 60_000,
    everyMs: 500,
  });
  // The API server ends no watch because of its token. When it ends one, it wants to see a token again.
  await api.apiServer.kill();
  await api.apiServer.start();
  const complain = (wanted: boolean) => async (): Promise<boolean> =>
    (await Promise.all(pods.map((address) => problems(address)))).every((text) => text.includes('HTTP 401') === wanted);
  const areRefused = await waitFor(complain(true), {
    what: 'control planes say that their token is refused',
    timeoutMs: 60_000,
    everyMs: 500,
  }).catch(() => false);
  await pause(REFUSED_MS);
  await kubectl.apply(secretWith(await issueToken(stage.cluster, 'token-two')));
  const areWatching = await waitFor(complain(false), {
    what: 'control planes watch with the new token',
    timeoutMs: 180_000,
    everyMs: 500,
  }).catch(() => false);
  const objectives = [
    exactly('token: both control planes said that it was refused', 'yes', areRefused ? 'yes' : 'no'),
    exactly('token: both watch again with the new one', 'yes', areWatching ? 'yes' : 'no'),
    await knowsChange(stage, 'after the token was replaced'),
  ];
  await kubectl.run(['--namespace', HOLDFAST, 'rollout', 'undo', `deploy/${DEPLOYMENT}`]);
  await kubectl.rolledOut(HOLDFAST, `deploy/${DEPLOYMENT}`);
  return objectives;
}

/** A token of the control planes' account that is good as long as this Secret is there. */
async function issueToken({ kubectl }: Cluster, boundTo: string): Promise<string> {
  await kubectl.apply(secret(boundTo, {}));
  const bound = ['--bound-object-kind=Secret', `--bound-object-name=${boundTo}`, `--duration=${LIFETIME}`];
  return (await kubectl.run(['--namespace', HOLDFAST, 'create', 'token', DEPLOYMENT, ...bound])).trim();
}

export async function isGood({ api }: Cluster, token: string): Promise<boolean> {
  const { body } = await api.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token },
  });
  return (body as { status?: { authenticated?: boolean } }).status?.authenticated === true;
}

const secret = (name: string, stringData: Record<string, string>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: HOLDFAST }, stringData });
const secretWith = (token: string): string => secret(HOLDER, { token });

interface PodList {
  items: Array<{ metadata: { name: string; deletionTimestamp?: string }; status: { podIP?: string } }>;
}

/** The two control planes, once those before them are gone. */
export function podsThatStay({ kubectl }: Cluster): Promise<Array<{ name: string; address: string }>> {
  const label = `app.kubernetes.io/name=${DEPLOYMENT}`;
  const staying = async () => {
    const { items } = await kubectl.get<PodList>('--namespace', HOLDFAST, 'pods', '--selector', label);
    return items.flatMap(({ metadata: { name, deletionTimestamp }, status: { podIP } }) =>
      deletionTimestamp === undefined && podIP !== undefined ? [{ name, address: podIP }] : [],
    );
  };
  return waitFor(
    async () => {
      const found = await staying();
      return found.length === 2 && found;
    },
    { what: 'two control planes are left', timeoutMs: 60_000, everyMs: 500 },
  );
}

/** What a control plane says of its sources of replicas. */
async function problems(address: string): Promise<string> {
  const { checks } = (await (await fetch(`http://${address}:18001/health`)).json()) as { checks: { name: string }[] };
  return JSON.stringify(checks.filter(({ name }) => name.startsWith('discovery ')));
}

const ofSecret = { secret: { name: HOLDER, items: [{ key: 'token', path: 'token' }] } };

/** Where Kubernetes puts the token of an account, the pods get one of this source. */
export function patch(token: object): string {
  const sources = [
    token,
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ];
  const account = { name: 'account', mountPath: TOKEN_FOLDER, readOnly: true };
  return stringify({
    spec: {
      template: {
        spec: {
          automountServiceAccountToken: false,
          containers: [{ name: 'control-plane', volumeMounts: [account] }],
          volumes: [{ name: 'account', projected: { sources } }],
        },
      },
    },
  });
}
