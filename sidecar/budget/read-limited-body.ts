import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayLimits, LimitName } from '../../proto/limits.ts';
import type { BodyBudget } from './body-budget.ts';
import { clientAddress } from './client-address.ts';

export type BodyRead =
  | { is: 'whole'; body: Buffer }
  | { is: 'refused'; limit: LimitName }
  /** The client went away. */
  | { is: 'gone' };

export interface BodyLimits {
  maxBytes: number;
  gateway: GatewayLimits;
  budget: BodyBudget;
}

/**
 * Reads a request's body, so that it can be sent more than once. `done` is called once. What was read counts in the budget until the response is
 * over, because the request keeps it for as long.
 */
export function readLimitedBody(
  incoming: IncomingMessage,
  response: ServerResponse,
  { maxBytes, gateway, budget }: BodyLimits,
  done: (read: BodyRead) => void,
): void {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) return done({ is: 'refused', limit: 'body_size' });
  const pieces: Buffer[] = [];
  let bytes = 0,
    isDone = false;
  const finish = (read: BodyRead): void => {
    if (isDone) return;
    isDone = true;
    pieces.length = 0;
    if (read.is !== 'whole') holding.release();
    done(read);
  };
  const holding = budget.open(clientAddress(incoming.headers), gateway, (limit) => finish({ is: 'refused', limit }));
  response.once('close', () => holding.release());
  incoming.on('data', (piece: Buffer) => {
    if (isDone) return; // What still comes of a refused body is dropped.
    bytes += piece.length;
    const limit = bytes > maxBytes ? 'body_size' : holding.take(piece.length);
    if (limit !== null) return finish({ is: 'refused', limit });
    pieces.push(piece);
  });
  incoming.on('end', () => {
    holding.complete();
    const [only] = pieces;
    finish({ is: 'whole', body: pieces.length === 1 && only ? only : Buffer.concat(pieces) });
  });
  incoming.on('close', () => finish({ is: 'gone' }));
}
