import { isModernRevision } from '../../../proto/era.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { ClientRequest } from './client-request.ts';

/** What decides in which form a client hears an error of the mesh. */
export interface ErrorFormFacts {
  /** The request belongs to what an initialize began. */
  isOnSession: boolean;
  /** Somebody waits for an answer: the body holds a request. */
  hasRequests: boolean;
  /** The body was read: it is no compressed one. */
  isRead: boolean;
  /** It is not certain that nothing reached a replica. */
  mayHaveArrived: boolean;
}

/**
 * `status`: the error's own HTTP status. `result`: 200 with the JSON-RPC error. `accepted`: 202.
 *
 * A 5xx to a request of a session ends the whole session of Python's SDK 1.x, with all calls in flight. It hides code and data of the error
 * from the TypeScript and Go SDKs. So only what begins a session, and requests of eras without sessions, hear a 5xx. Nobody waits for an
 * answer to a notification or a response. 404 and 500 keep their meaning: the session is over, the gateway has a fault.
 */
export function errorForm(status: number, facts: ErrorFormFacts): 'status' | 'result' | 'accepted' {
  if (!facts.isRead || status === 404 || status === 500) return 'status';
  if (!facts.hasRequests) return facts.isOnSession || facts.mayHaveArrived ? 'accepted' : 'status';
  return facts.isOnSession ? 'result' : 'status';
}

/** Whether a request names a session, or the revision that its initialize agreed on: servers without session ids have clients like all others. */
export function isOnSession({ clientId, incoming }: Pick<ClientRequest, 'clientId' | 'incoming'>): boolean {
  const revision = incoming.headers[HEADER.protocolVersion];
  return clientId !== null || (typeof revision === 'string' && !isModernRevision(revision));
}
