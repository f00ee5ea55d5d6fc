import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { HEADER, type RouteKind } from '../../proto/wire.ts';
import { holds, type Condition, type RequestHead } from './condition.ts';

/** An answer that Envoy gives itself. */
export interface Refusal {
  status: number;
  message: string;
  /** Pages of the allowed origins may read why. */
  isReadable: boolean;
}

/** What to do with the requests that meet all conditions of a row and of none before it. */
export interface RouteRow {
  /** How Envoy is told to do it: control-plane/resources/row-routes.ts has the form for each. */
  to:
    | 'refuse'
    | 'preflight'
    | 'web-socket'
    | 'relay-resent'
    | 'relay-large'
    | 'any-replica'
    | 'relay-modern'
    | 'relay-session'
    | 'guarded-slot'
    | 'steady-slot'
    | 'ask'
    | 'relay-sse'
    | 'relay-new'
    | 'decide'
    | 'document'
    | 'side-path';
  kind: RouteKind;
  when: readonly Condition[];
  /** Only for sessions whose ids begin with the slot of one of these. */
  slots?: readonly ReplicaEndpoint[];
  refusal?: Refusal;
  /** Nothing in either direction for this long ends it; 0: never. */
  quietMs?: number;
  /** For people, as `explain` says it. */
  why: string;
}

export interface FoundRow {
  row: RouteRow;
  /** Of a row with slots: the one that the session's id begins with. */
  endpoint: ReplicaEndpoint | undefined;
}

/** The beginning of all session ids of a slot. */
export const idPrefix = (slot: string): string => `${slot}~`;

/** The replica whose slot a session's id begins with. */
export const ofSlot = (id: string | undefined, endpoints: readonly ReplicaEndpoint[]): ReplicaEndpoint | undefined =>
  endpoints.find(({ slot }) => id?.startsWith(idPrefix(slot)));

/** The row that takes a request. The last row of every table takes what no other did. */
export function findRow(table: readonly RouteRow[], head: RequestHead): FoundRow {
  for (const row of table) {
    if (!row.when.every((condition) => holds(condition, head))) continue;
    const endpoint = row.slots && ofSlot(head[HEADER.sessionId], row.slots);
    if (row.slots === undefined || endpoint !== undefined) return { row, endpoint };
  }
  throw new Error('the last row of a route table has conditions');
}
