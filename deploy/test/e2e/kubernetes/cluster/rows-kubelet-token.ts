import { setTimeout as pause } from 'node:timers/promises';
import { parseJsonObject } from '../../../../../proto/parse-json.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { requestsOf, type AuditedRequest } from './audit-log.ts';
import { MCP } from './mcp-server-objects.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import { knowsChange } from './rows-api-server.ts';
import { DEPLOYMENT, isGood, patch, podsThatStay, TOKEN_FOLDER } from './rows-token.ts';
import type { Stage } from './row.ts';
import type { Cluster } from './whole-cluster.ts';

/** The shortest that Kubernetes gives. The kubelet asks for another one after four fifths of it. */
const LIFETIME_SECONDS = 600;
/** After the end of the first token, so that whoever still used it would be refused. */
const AFTER_MS = 60_000;
const LONGEST_MS = 2 * LIFETIME_SECONDS * 1000;

interface Token {
  text: string;
  id: string;
  endMs: number;
  seconds: number;
}

/**
 * The kubelet renews the token of each control plane, as in every cluster, here after eight minutes in place of an hour. Meanwhile control planes
 * watch, and injected pods join one after the other. The API server's audit log has which token each request came with.
 */
export async function renewedByKubelet(stage: Stage): Promise<Objective[]> {
  const { cluster, say } = stage;
  const { kubectl } = cluster;
  const source = { serviceAccountToken: { path: 'token', expirationSeconds: LIFETIME_SECONDS } };
  await kubectl.run(['--namespace', HOLDFAST, 'patch', 'deployment', DEPLOYMENT, '--patch', patch(source)]);
  await kubectl.rolledOut(HOLDFAST, `deploy/${DEPLOYMENT}`);
  const pods = (await podsThatStay(cluster)).map(({ name }) => name);
  const first = await tokensOf(cluster, pods);
  const startMs = Date.now();
  const untilMs = Math.max(...first.map(({ endMs }) => endMs)) + AFTER_MS;
  let rollouts = 0,
    renewedMs = 0;
  while (Date.now() < untilMs || rollouts === 0) {
    if (Date.now() - startMs > LONGEST_MS) throw new Error('the token has no end');
    await kubectl.restart(MCP, 'deploy/desk', LONGEST_MS);
    rollouts += 1;
    const now = await tokensOf(cluster, pods);
    if (renewedMs === 0 && now.every(({ id }, index) => id !== first[index]?.id)) {
      renewedMs = Date.now();
      say(`  both tokens are others after ${Math.round((renewedMs - startMs) / 1000)} s, ${rollouts} rollouts`);
    }
    await pause(2000);
  }
  const second = await tokensOf(cluster, pods);
  const areGood = async (tokens: readonly Token[]): Promise<string> =>
    (await Promise.all(tokens.map(({ text }) => isGood(cluster, text)))).join(' ');
  const known = await knowsChange(stage, 'after the first token was over');
  const requests = await requestsOf(cluster.auditLog, pods, startMs);
  const last = Math.max(...first.map(({ endMs }) => endMs));
  say(`  ${requests.length} requests of both control planes, ${rollouts} rollouts of an injected server`);
  say(`  answers: ${JSON.stringify(Object.fromEntries(countBy(requests, ({ status }) => String(status))))}`);
  const result = [
    exactly('kubelet: the lifetimes of the tokens', '600 600', first.map(({ seconds }) => seconds).join(' ')),
    exactly('kubelet: the first tokens are good in the end', 'false false', await areGood(first)),
    exactly('kubelet: the second tokens are good', 'true true', await areGood(second)),
    exactly('kubelet: pods that used both of theirs', 2, pods.filter((_, index) => usedBoth(index)).length),
    exactly('kubelet: requests with the first after its end', 0, requests.filter(isLate).length),
    exactly('kubelet: requests that were refused or failed', 0, requests.filter(hasFailed).length),
    known,
  ];
  await kubectl.run(['--namespace', HOLDFAST, 'rollout', 'undo', `deploy/${DEPLOYMENT}`]);
  await kubectl.rolledOut(HOLDFAST, `deploy/${DEPLOYMENT}`);
  return result;

  function usedBoth(index: number): boolean {
    const used = new Set(requests.filter(({ pod }) => pod === pods[index]).map(({ token }) => token));
    return [first[index], second[index]].every((each) => each !== undefined && used.has(each.id));
  }
  // A request that began before the end may be answered after it.
  function isLate({ token, receivedMs }: AuditedRequest): boolean {
    return receivedMs > last && first.some(({ id }) => id === token);
  }
}

const hasFailed = ({ status }: AuditedRequest): boolean => status >= 400;

function countBy<T>(all: readonly T[], key: (each: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of all) counts.set(key(each), (counts.get(key(each)) ?? 0) + 1);
  return counts;
}

/** What stands in each pod's file now. */
function tokensOf({ kubectl }: Cluster, pods: readonly string[]): Promise<Token[]> {
  return Promise.all(
    pods.map(async (pod) => {
      const where = ['--namespace', HOLDFAST, 'exec', pod, '--container=control-plane', '--'];
      const text = (await kubectl.run([...where, 'cat', `${TOKEN_FOLDER}/token`])).trim();
      const claims = parseJsonObject(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) ?? {};
      const [id, fromSeconds, endSeconds] = ['jti', 'iat', 'exp'].map((name) => claims[name]);
      if (typeof id !== 'string' || typeof fromSeconds !== 'number' || typeof endSeconds !== 'number')
        throw new Error(`${pod}: this is no token of Kubernetes`);
      return { text, id, endMs: endSeconds * 1000, seconds: endSeconds - fromSeconds };
    }),
  );
}
