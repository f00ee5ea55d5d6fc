import { JOIN_AUDIENCE } from '../../proto/join.ts';

/** What is read of a TokenReview's status. */
export interface ReviewedToken {
  authenticated?: boolean;
  audiences?: string[];
  user?: { username?: string; extra?: Record<string, string[]> };
}

/** Why a token does not let its owner join. Words of a metric's label. */
export type TokenProblem =
  /** The API server does not know it, or it has expired, or its pod is gone. */
  | 'token'
  /** It was made for somebody else than the mesh. */
  | 'audience'
  /** It is of a person, or of a ServiceAccount as such: it does not say which pod shows it. */
  | 'unbound';

export type JudgedToken = { kind: 'pod'; namespace: string; pod: string } | { kind: 'refused'; problem: TokenProblem };

const ACCOUNT = /^system:serviceaccount:([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?):[^:]+$/;
const POD_NAME = 'authentication.kubernetes.io/pod-name';
/** Longer names of pods are none of Kubernetes. */
const POD = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Which pod shows the token, by what the API server said of it. */
export function judgeToken({ authenticated, audiences, user }: ReviewedToken): JudgedToken {
  if (authenticated !== true) return { kind: 'refused', problem: 'token' };
  // An API server that does not know of audiences leaves them out.
  if (audiences?.includes(JOIN_AUDIENCE) !== true) return { kind: 'refused', problem: 'audience' };
  const [, namespace] = ACCOUNT.exec(user?.username ?? '') ?? [];
  const [pod, ...others] = user?.extra?.[POD_NAME] ?? [];
  if (namespace === undefined || pod === undefined || others.length > 0 || !POD.test(pod))
    return { kind: 'refused', problem: 'unbound' };
  return { kind: 'pod', namespace, pod };
}
