import { signal } from '@preact/signals';
import type {
  Breaker,
  Check,
  Drain,
  MeshEvent,
  MeshInfo,
  MeshNode,
  Objective,
  Rates,
  Rollout,
  Row,
  Server,
} from '../model.ts';

export type SessionCounts = Record<string, Record<string, number>>;

export const mesh = signal<MeshInfo | null>(null);
export const servers = signal<readonly Server[]>([]);
export const nodes = signal<readonly MeshNode[]>([]);
export const rates = signal<Rates>({ atMs: 0, isKnown: false });
/** `server/slot` → calls a second, p99 and share of errors. */
export const replicaRates = signal<ReadonlyMap<string, { perSecond: number; p99Ms: number | null; errors: number }>>(
  new Map(),
);
export const serverRates = signal<ReadonlyMap<string, Row>>(new Map());
export const sessions = signal<SessionCounts | null>(null);
export const breakers = signal<readonly Breaker[]>([]);
export const drains = signal<readonly Drain[]>([]);
export const rollouts = signal<readonly Rollout[]>([]);
export const checks = signal<readonly Check[]>([]);
export const objectives = signal<ReadonlyMap<string, Objective>>(new Map());
export const events = signal<readonly MeshEvent[]>([]);

/** Sessions that went from one replica to another since the last look. */
export interface Move {
  id: number;
  server: string;
  from: string;
  to: string;
  count: number;
}
export const moves = signal<readonly Move[]>([]);

export interface Point {
  atMs: number;
  perSecond: number;
  failing: number;
  p50Ms: number | null;
  p99Ms: number | null;
}
const KEPT_POINTS = 300;
const KEPT_EVENTS = 2000;
const MOVE_MS = 2500;
/** So many of a look are shown, the largest: nobody sees more at a time, and each takes the browser's time. */
const SHOWN_MOVES = 24;
const known = new Map<string, Server>();
export const history = new Map<string, Point[]>();
let nextMove = 0;

export const lastEventId = (): string | undefined => events.value.at(-1)?.id;

function remember({ atMs, servers: rows = [] }: Rates): void {
  const seen = new Map(rows.map((row) => [row.server, row]));
  for (const name of known.keys()) {
    const row = seen.get(name);
    const points = history.get(name) ?? [];
    points.push({
      atMs,
      perSecond: row?.perSecond ?? 0,
      failing: (row?.perSecond ?? 0) * (row?.errors ?? 0),
      p50Ms: row?.p50Ms ?? null,
      p99Ms: row?.p99Ms ?? null,
    });
    if (points.length > KEPT_POINTS) points.shift();
    history.set(name, points);
  }
}

/** Pairs slots that lost sessions with slots that got some: how sessions moved, as far as two counts can say. Pure. */
export function movesBetween(before: SessionCounts, after: SessionCounts): Omit<Move, 'id'>[] {
  const found: Omit<Move, 'id'>[] = [];
  for (const [server, now] of Object.entries(after)) {
    const then = before[server] ?? {};
    const changes = [...new Set([...Object.keys(then), ...Object.keys(now)])].map((slot) => ({
      slot,
      by: (now[slot] ?? 0) - (then[slot] ?? 0),
    }));
    const gained = changes.filter(({ by }) => by > 0);
    for (const lost of changes.filter(({ by }) => by < 0))
      for (const one of gained) {
        const count = Math.min(-lost.by, one.by);
        if (count <= 0) continue;
        found.push({ server, from: lost.slot, to: one.slot, count });
        lost.by += count;
        one.by -= count;
      }
  }
  return found;
}

function countSessions(after: SessionCounts | null): void {
  const found = sessions.value && after ? movesBetween(sessions.value, after) : [];
  sessions.value = after;
  if (found.length === 0) return;
  const largest = found.sort((one, other) => other.count - one.count).slice(0, SHOWN_MOVES);
  const made = largest.map((move) => ({ ...move, id: nextMove++ }));
  moves.value = [...moves.value, ...made];
  setTimeout(() => {
    moves.value = moves.value.filter((move) => !made.includes(move as Move));
  }, MOVE_MS);
}

function takeRates(now: Rates): void {
  rates.value = now;
  replicaRates.value = new Map(
    (now.replicas ?? []).map(([server, slot, perSecond, p99Ms, errors]) => [
      `${server}/${slot}`,
      { perSecond, p99Ms, errors },
    ]),
  );
  serverRates.value = new Map((now.servers ?? []).map((row) => [row.server, row]));
  remember(now);
}

const collator = new Intl.Collator('en', { numeric: true });
/** linear-2 before linear-10. */
const byName = (one: { name: string }, other: { name: string }): number => collator.compare(one.name, other.name);

function takeServer(name: string, server: Server | null): void {
  if (server) known.set(name, { ...server, replicas: server.replicas.toSorted(byName) });
  else known.delete(name);
  servers.value = [...known.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

const PARTS: Record<string, (data: unknown) => void> = {
  mesh: (data) => {
    mesh.value = data as MeshInfo;
  },
  nodes: (data) => {
    nodes.value = (data as MeshNode[] | null) ?? [];
  },
  rates: (data) => takeRates(data as Rates),
  sessions: (data) => countSessions(data as SessionCounts | null),
  breakers: (data) => {
    breakers.value = (data as Breaker[] | null) ?? [];
  },
  drains: (data) => {
    drains.value = (data as Drain[] | null) ?? [];
  },
  rollouts: (data) => {
    rollouts.value = (data as Rollout[] | null) ?? [];
  },
  doctor: (data) => {
    checks.value = (data as Check[] | null) ?? [];
  },
  objectives: (data) => {
    objectives.value = new Map(((data as Objective[] | null) ?? []).map((each) => [each.name, each]));
  },
  event: (data) => {
    const event = data as MeshEvent;
    if (!events.value.some(({ id }) => id === event.id)) events.value = [...events.value, event].slice(-KEPT_EVENTS);
  },
};

/** Takes one message of the stream into what is shown. */
export function apply(event: string, data: unknown): void {
  if (event.startsWith('server:')) takeServer(event.slice(7), data as Server | null);
  else PARTS[event]?.(data);
}
