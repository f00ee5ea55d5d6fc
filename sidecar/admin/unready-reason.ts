export interface Readiness {
  /** It was told of its servers, and its ports are open. */
  isServing: boolean;
  isDraining: boolean;
  /** Why the session store was never reached; null: it was, or there is none. */
  storeProblem: string | null;
}

/** Why this node must get no new requests; null: it may. */
export function unreadyReason({ isServing, isDraining, storeProblem }: Readiness): string | null {
  if (isDraining) return 'this node is draining';
  if (storeProblem !== null) return storeProblem;
  return isServing ? null : 'it is starting: the control plane has not said yet which servers there are';
}
