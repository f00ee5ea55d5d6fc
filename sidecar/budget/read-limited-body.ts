import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayLimits, LimitName } from '../../proto/limits.ts';
import type { RpcId } from '../../proto/rpc-error.ts';
import type { BodyBudget } from './body-budget.ts';
import { clientAddress } from './client-address.ts';
import type { FairReader } from './fair-reads.ts';
import { EDGE_BYTES, idAtEdges } from './id-at-edges.ts';

const NOTHING: Buffer = Buffer.alloc(0);

export type BodyRead =
  | { is: 'whole'; body: Buffer }
  /** `id`: of the request in the body, as far as its first and last bytes tell. */
  | { is: 'refused'; limit: LimitName; id: RpcId }
  /** The client went away. */
  | { is: 'gone' };

export interface BodyLimits {
  maxBytes: number;
  gateway: GatewayLimits;
  budget: BodyBudget;
  /** A body that is too large is read to its end, without keeping it, where its sender survives the refusal only with the request's id. */
  isIdNeeded?: boolean;
}

/** A body is not read any further for its request's id when it is so many times as large as it may be. */
const MOST_OVERRUN = 4;

/**
 * Reads a request's body, so that it can be sent more than once. `done` is called once. What was read counts in the budget until the response is
 * over, because the request keeps it for as long.
 */
export function readLimitedBody(
  incoming: IncomingMessage,
  response: ServerResponse,
  { maxBytes, gateway, budget, isIdNeeded = false }: BodyLimits,
  done: (read: BodyRead) => void,
): void {
  const mostRead = isIdNeeded ? maxBytes * MOST_OVERRUN : maxBytes,
    announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > mostRead) return done({ is: 'refused', limit: 'body_size', id: null });
  const pieces: Buffer[] = [];
  let bytes = 0,
    isDone = false,
    edges: { head: Buffer; tail: Buffer } | null = null;
  const finish = (read: BodyRead): void => {
    if (isDone) return;
    isDone = true;
    edges = null;
    pieces.length = 0;
    if (read.is !== 'whole') holding.release();
    done(read);
  };
  const refused = (limit: LimitName, piece: Buffer = NOTHING): void => {
    const head = edges?.head ?? (pieces[0] ?? piece).subarray(0, EDGE_BYTES);
    finish({ is: 'refused', limit, id: idAtEdges(head, null) });
  };
  const holding = budget.open(clientAddress(incoming.headers), gateway, (limit) => refused(limit));
  const turn: FairReader = {
    bytesRead: 0,
    goOn() {
      holding.goOn();
      incoming.resume();
    },
  };
  response.on('close', () => holding.release());
  // Nothing is read of a body that has no room. Reading half of each of a thousand bodies would cost more than it gains.
  const noRoom = isIdNeeded ? null : holding.wouldRefuse(announced);
  if (noRoom !== null) return refused(noRoom);
  incoming.on('data', (piece: Buffer) => {
    if (budget.reads.mustWait(turn, piece.length)) {
      holding.pause();
      incoming.pause();
    }
    if (isDone) return; // What still comes of a refused body is dropped.
    bytes += piece.length;
    if (bytes > mostRead) return refused('body_size', piece);
    if (bytes > maxBytes) {
      // Copies: a piece's end would keep the whole of it in memory.
      const { head, tail } = edges ?? { head: Buffer.concat(pieces).subarray(0, EDGE_BYTES), tail: NOTHING };
      edges = {
        head: Buffer.from(head.length < EDGE_BYTES ? Buffer.concat([head, piece]).subarray(0, EDGE_BYTES) : head),
        tail: Buffer.from(Buffer.concat([tail, piece]).subarray(-EDGE_BYTES)),
      };
      pieces.length = 0;
      return;
    }
    const limit = holding.take(piece.length);
    if (limit !== null) return refused(limit, piece);
    pieces.push(piece);
  });
  incoming.on('end', () => {
    holding.complete();
    if (edges !== null) return finish({ is: 'refused', limit: 'body_size', id: idAtEdges(edges.head, edges.tail) });
    const [only] = pieces;
    finish({ is: 'whole', body: pieces.length === 1 && only ? only : Buffer.concat(pieces) });
  });
  incoming.on('close', () => {
    budget.reads.leave(turn);
    finish({ is: 'gone' });
  });
}
