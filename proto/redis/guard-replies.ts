import type { Socket } from 'node:net';

/** What reads the replies of one connection in ioredis 6, in places that its types don't show. */
export interface ReadsReplies {
  redis: { stream: Socket };
  dispatch(take: () => void): void;
  returnFatalError(error: unknown): void;
}

/** What came on a connection since its last whole reply. */
const unfinished = new WeakMap<Socket, { bytes: number; sinceMs: number }>();

/**
 * ioredis throws what a reply that nobody asked for, or a push without parts, sets off in it as an uncaught exception. That would end the process
 * at the word of whoever answers for Redis. Here it ends that connection, as a malformed reply does, and the client connects again.
 */
export function containReplies(reader: ReadsReplies): void {
  reader.dispatch = function (take): void {
    unfinished.delete(this.redis.stream);
    try {
      take();
    } catch (error) {
      this.returnFatalError(error instanceof Error ? error : new Error(String(error)));
    }
  };
}

export interface ReplyLimits {
  mostBytes: number;
  longestMs: number;
  now?: () => number;
}

/** Ends the connection when one reply fills the memory of this process, or does not come to its end. Heard before ioredis reads the piece. */
export function limitReplies(
  stream: Socket,
  { mostBytes, longestMs, now = () => performance.now() }: ReplyLimits,
): void {
  stream.prependListener('data', (piece: Buffer) => {
    const reply = unfinished.get(stream) ?? { bytes: 0, sinceMs: now() };
    reply.bytes += piece.length;
    unfinished.set(stream, reply);
    if (reply.bytes > mostBytes) stream.destroy(new Error(`a reply of more than ${mostBytes} bytes`));
    else if (now() - reply.sinceMs > longestMs) stream.destroy(new Error(`a reply without an end in ${longestMs} ms`));
  });
}
