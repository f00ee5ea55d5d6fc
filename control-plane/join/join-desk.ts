import { createPublicKey, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { limitLog } from '../../proto/identity/limit-log.ts';
import { formatMeshName } from '../../proto/identity/mesh-name.ts';
import { ownMeshName } from '../../proto/identity/own-name.ts';
import { withinMs } from '../../proto/within-ms.ts';
import { joinRequestSchema, provedText, type JoinAnswer, type JoinRequest } from '../../proto/join.ts';
import { issueForKey } from '../certs/authority.ts';
import type { InjectionConfig, JoinConfig } from '../config/kubernetes-schema.ts';
import { kubernetesProblem } from '../kubernetes/kubernetes-problem.ts';
import { openJoinApi, type JoinApi } from './join-api.ts';
import { judgeToken, type TokenProblem } from './judge-token.ts';
import { readMeshAuthority } from './mesh-authority.ts';

/** Renewed by the pods themselves after a quarter of this: the alert for certificates that end soon begins at 21. */
const CERTIFICATE_DAYS = 30;
/** Each costs the API server two requests. */
const MOST_AT_ONCE = 16;
/** So that no pod takes the places of the others. */
const MOST_OF_ADDRESS = 2;
/** A place is given back then: an API server that hangs must not keep everybody out for longer than it hangs. */
const API_SERVER_MS = 10_000;
/**
 * A caller whose token is no good keeps his place for so long. So one address makes us ask the API server about such
 * tokens twice a second at most.
 */
const REFUSED_MS = 1000;
const MEMBERS_LABEL = 'mesh.holdfast/members';

export interface JoinDeskOptions {
  config: () => InjectionConfig & { join: JoinConfig };
  /** Of the control plane: it says which mesh this is. */
  certificateFile: string;
  /** Whom members believe. */
  caFile: string;
  registry: Registry;
  log: Pick<Logger, 'info' | 'warn'>;
  now: () => number;
  open?: (config: InjectionConfig) => Promise<JoinApi>;
  apiServerMs?: number;
  refusedMs?: number;
}

type Result = 'joined' | 'malformed' | 'busy' | 'failed' | 'namespace' | TokenProblem;

export interface JoinReply {
  status: number;
  body: JoinAnswer | { error: { message: string } };
}

/** Where pods become gateways of the mesh. */
export interface JoinDesk {
  /** `body` is whatever was sent. Never rejects. */
  answer(body: unknown, address: string): Promise<JoinReply>;
  /** Somebody sent what is no request at all. */
  malformed(): void;
  /** Why nobody can join; null as far as is known. */
  problem(): string | null;
}

const refusal = (status: number, message: string): JoinReply => ({ status, body: { error: { message } } });

/** Gives a pod its certificate and says where Redis is, when the API server vouches for the token that it shows. */
export function openJoinDesk(options: JoinDeskOptions): JoinDesk {
  const {
    config,
    certificateFile,
    caFile,
    registry,
    log,
    now,
    open = openJoinApi,
    apiServerMs = API_SERVER_MS,
    refusedMs = REFUSED_MS,
  } = options;
  const joins = new Counter({
    name: 'holdfast_joins_total',
    help: 'Pods that asked to become gateways of the mesh, by what became of it.',
    labelNames: ['result'],
    registers: [registry],
  });
  const isNews = limitLog(now);
  const apiOf = keepOpen(open);
  const busy = new Map<string, number>();
  let atOnce = 0,
    problem: string | null = null;

  const leave = (address: string): void => {
    const left = (busy.get(address) ?? 1) - 1;
    if (left > 0) busy.set(address, left);
    else busy.delete(address);
  };
  const refuse = (result: Result, reply: JoinReply, who: object = {}): JoinReply => {
    joins.inc({ result });
    if (isNews(`${result} ${JSON.stringify(who)}`)) log.warn({ reason: result, ...who }, 'a pod may not join the mesh');
    return reply;
  };
  const letIn = async (request: JoinRequest, address: string): Promise<JoinReply> => {
    const { join } = config();
    const api = await apiOf(config());
    const judged = judgeToken(await api.review(request.token));
    if (judged.kind === 'refused')
      return refuse(judged.problem, refusal(401, 'this token is not good for joining the mesh'), { address });
    const { namespace, pod } = judged;
    if ((await api.labels(namespace))[MEMBERS_LABEL] !== 'true')
      return refuse('namespace', refusal(403, `the namespace ${namespace} has no label ${MEMBERS_LABEL}=true`), {
        namespace,
        pod,
      });
    const { authority, authorities } = await readMeshAuthority(join.authority, caFile);
    const nodeId = `${namespace}.${pod}`;
    const { trustDomain } = ownMeshName(certificateFile, 'control-plane', null);
    const certificate = await issueForKey(authority, request.publicKey, {
      name: 'gateway in a pod',
      uri: formatMeshName({ trustDomain, role: 'gateway', id: nodeId, isGroup: false }),
      days: CERTIFICATE_DAYS,
      now: new Date(now()),
    });
    const body: JoinAnswer = {
      nodeId,
      certificate,
      authorities,
      redisUrl: (await readFile(join.redisUrlFile, 'utf8')).trim(),
      redisAuthorities: join.redisCaFile === undefined ? null : await readFile(join.redisCaFile, 'utf8'),
    };
    joins.inc({ result: 'joined' });
    log.info({ namespace, pod }, 'a pod joined the mesh');
    problem = null;
    return { status: 200, body };
  };

  return {
    async answer(body, address) {
      const { success, data } = joinRequestSchema.safeParse(body);
      if (!success || !isProved(data))
        return refuse('malformed', refusal(400, 'this is no request to join, or its proof is not of its key'));
      const ofAddress = busy.get(address) ?? 0;
      if (atOnce >= MOST_AT_ONCE || ofAddress >= MOST_OF_ADDRESS)
        return refuse('busy', refusal(429, 'too many ask at once: try again in a second'), { address });
      atOnce += 1;
      busy.set(address, ofAddress + 1);
      let keepsPlace = false;
      try {
        const reply = await withinMs(apiServerMs, letIn(data, address), () => {
          throw new Error(`the API server did not answer within ${apiServerMs / 1000} s`);
        });
        keepsPlace = reply.status !== 200;
        return reply;
      } catch (error) {
        problem = `pods can’t join: ${kubernetesProblem(error)}`;
        // The kubeconfig may have changed, or its credentials may be over: the next pod opens it again.
        apiOf.forget();
        return refuse('failed', refusal(503, 'nobody can join now; the log of the control plane has the reason'), {
          problem,
        });
      } finally {
        atOnce -= 1;
        if (keepsPlace) setTimeout(leave, refusedMs, address).unref();
        else leave(address);
      }
    },
    malformed: () => joins.inc({ result: 'malformed' }),
    problem: () => problem,
  };
}

/** Opens the API server once for one kubeconfig, and not for each pod that starts. A failure is not kept. */
function keepOpen(open: (config: InjectionConfig) => Promise<JoinApi>) {
  let kept: { kubeconfig: string | undefined; api: Promise<JoinApi> } | null = null;
  const apiOf = (config: InjectionConfig): Promise<JoinApi> => {
    const { kubeconfig } = config;
    if (kept === null || kept.kubeconfig !== kubeconfig) kept = { kubeconfig, api: open(config) };
    return kept.api;
  };
  return Object.assign(apiOf, {
    forget: () => {
      kept = null;
    },
  });
}

/** Whether the sender holds the private key, which has to be of P-256. */
function isProved({ token, publicKey, proof }: JoinRequest): boolean {
  try {
    const key = createPublicKey(publicKey);
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false;
    return verify('sha256', Buffer.from(provedText({ token, publicKey })), key, Buffer.from(proof, 'base64'));
  } catch {
    return false;
  }
}
