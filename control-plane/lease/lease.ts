/** Who leads among several control planes. Only the leader writes what others follow; every write carries its token. */
export interface Lease {
  readonly isLeader: boolean;
  /** Grows with each change of leader; 0 while this process never led. */
  readonly token: number;
  /** Id of the leader as last seen; null when there is none. */
  readonly leader: string | null;
  /** Gives leadership up, so that another takes over at once. */
  stop(): Promise<void>;
}

/** One control plane alone. */
export const soleLease = (id: string): Lease => ({ isLeader: true, token: 1, leader: id, stop: async () => {} });
