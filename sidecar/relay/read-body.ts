import type { IncomingMessage } from 'node:http';

/** Reads a request's body, so that it can be sent more than once. Null when it is larger than `maxBytes`; undefined when the client went away. */
export function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  done: (body: Buffer | null | undefined) => void,
): void {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) return done(null);
  const pieces: Buffer[] = [];
  let bytes = 0,
    isDone = false;
  const finish = (body: Buffer | null | undefined) => {
    if (isDone) return;
    isDone = true;
    done(body);
  };
  incoming.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxBytes) return finish(null);
    pieces.push(piece);
  });
  incoming.on('end', () => finish(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
  incoming.on('close', () => finish(undefined));
}
