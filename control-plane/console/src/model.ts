/** What the admin API tells the console (`/v1/live` and the routes beside it), as far as it is shown. */
export type ReplicaState = 'active' | 'draining' | 'standby' | 'unhealthy' | 'lost';

export interface Replica {
  name: string;
  backend: string;
  slot: string;
  address: string;
  state: ReplicaState;
  weight: number;
  detail?: string | null;
}

export interface Server {
  name: string;
  guard: unknown;
  onReplicaLoss: string;
  backends: { name: string; weight: number; problem: string | null }[];
  replicas: Replica[];
  tools: string[] | null;
}

export interface MeshNode {
  id: string;
  role: 'gateway' | 'edge';
  listen: string | null;
  isDraining: boolean;
}

export interface MeshInfo {
  id: string;
  version: string;
  startedAtMs: number;
  isLeader: boolean;
  leader: string | null;
  store: 'up' | 'away' | 'memory';
  isKnown: boolean;
}

export interface Row {
  server: string;
  name?: string;
  perSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  errors: number;
  outcomes: Record<string, number>;
}

export interface Rates {
  atMs: number;
  isKnown: boolean;
  servers?: Row[];
  tools?: Row[];
  replicas?: [server: string, slot: string, perSecond: number, p99Ms: number | null, errors: number][];
  nodes?: Record<string, number>;
}

export interface Check {
  area: string;
  name: string;
  verdict: 'good' | 'warning' | 'bad' | 'unknown';
  description: string;
  advice: string | null;
}

export interface Breaker {
  server: string;
  level: 'replica' | 'tool';
  key: string;
  state: string;
  by: string | null;
}

export type DrainTarget =
  | { kind: 'replica'; server: string; replica: string }
  | { kind: 'backend'; server: string; backend: string }
  | { kind: 'gateway'; gateway: string };

export interface Drain {
  target: DrainTarget;
  startedAtMs: number;
  deadlineAtMs: number;
  doneAtMs: number | null;
  reason: string;
  remaining: { sessions: number; inFlight: number } | null;
}

export interface Rollout {
  plan: { server: string; from: string; to: string; strategy: string };
  steps: number[];
  startedAtMs: number;
  isPaused: boolean;
  phase: {
    kind: string;
    sinceMs: number;
    reason: string;
    index?: number;
    isHeld?: boolean;
    /** Of a step: what its last analysis found. */
    checks?: { name: string; isGood: boolean; description: string }[];
  };
}

/** One difference between the tools of two backends. */
export interface ContractChange {
  level: 'breaking' | 'warning' | 'info';
  tool: string;
  description: string;
}

export interface Objective {
  name: string;
  fromMs?: number;
  counters: { sessions: number; judged: number; failed: number; recoveries: number } | null;
}

export interface MeshEvent {
  id: string;
  atMs: number;
  kind: string;
  level: 'info' | 'warning' | 'error';
  server: string | null;
  subject: string | null;
  message: string;
}

export interface Session {
  digest: string;
  server: string;
  slot: string;
  replica?: string | null;
  backend: string;
  type: string;
  protocolVersion: string;
  client: string;
  hasGetStream: boolean;
  epoch: number;
  createdAtMs: number;
  lastActivityMs: number;
  isEnded: boolean;
}

/** One line of a session's story. */
export interface StoryLine {
  atMs: number | null;
  kind: 'began' | 'moved' | 'not-kept' | 'ended';
  message: string;
  tookMs: number | null;
}

export interface SessionWithStory extends Session {
  story: StoryLine[];
}

export interface ConfigVersion {
  version: number;
  acceptedAtMs: number;
  node: string;
  digest: string;
}
