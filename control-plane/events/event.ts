/** What happened, for operators: kept in order and listed by `holdfast events`. */
export interface MeshEvent {
  /** Grows; `<ms>-<n>`. */
  id: string;
  atMs: number;
  /** `replica.unhealthy`, `rollout.step`, `drain.started`, `config.accepted`, … */
  kind: string;
  level: 'info' | 'warning' | 'error';
  server: string | null;
  /** Replica, backend, gateway or version that it is about. */
  subject: string | null;
  /** One sentence for people. */
  message: string;
  /** `by`: which operator did it, as they named themselves. */
  data: Record<string, unknown>;
}

export type NewEvent = Pick<MeshEvent, 'kind' | 'message'> &
  Partial<Pick<MeshEvent, 'level' | 'server' | 'subject' | 'data'>> & {
    /** Which operator did it; left out or undefined where nobody did. */
    by?: string | undefined;
  };

export interface EventQuery {
  afterId?: string | undefined;
  server?: string | undefined;
  kind?: string | undefined;
  limit?: number | undefined;
}

/** How many events are kept. */
export const KEPT_EVENTS = 10_000;

export interface EventLog {
  /** Never rejects: an event that can't be kept now is kept later, in order, unless too many wait. */
  append(event: NewEvent): void;
  /** The last `limit` (100) that match, oldest first; with `afterId`, the first ones after it. */
  list(query?: EventQuery): Promise<MeshEvent[]>;
  stop(): Promise<void>;
}

export const newEvent = (event: NewEvent, id: string, atMs: number): MeshEvent => ({
  id,
  atMs,
  kind: event.kind,
  level: event.level ?? 'info',
  server: event.server ?? null,
  subject: event.subject ?? null,
  message: event.by === undefined ? event.message : `${event.message} (by ${event.by})`,
  data: { ...event.data, ...(event.by !== undefined && { by: event.by }) },
});

/** Whether an event answers the query; `kind` also matches as a prefix (`rollout` matches `rollout.step`). */
export const matches = (event: MeshEvent, { server, kind }: EventQuery): boolean =>
  (server === undefined || event.server === server) &&
  (kind === undefined || event.kind === kind || event.kind.startsWith(`${kind}.`));

/** Compares ids by time and number. */
export function isAfter(id: string, other: string): boolean {
  const [ms = 0, n = 0] = id.split('-').map(Number),
    [otherMs = 0, otherN = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && n > otherN);
}
