import { connect } from 'node:net';
import { ANSWER_WITHIN_MS } from '../mesh/limits.ts';
import type { Conversation } from './frames.ts';

const HEAD_BYTES = 9;
const HEADERS = 1;
const RESET = 3;

/** Streams that a peer has answered or reset, by the heads of its frames. */
class AnsweredStreams {
  readonly streams = new Set<number>();
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      const type = rest.readUInt8(3);
      if (type === HEADERS || type === RESET) this.streams.add(rest.readUInt32BE(5) & 0x7fffffff);
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}

/**
 * Sends a conversation on a connection of its own. Every whole call must be answered in time, unless the connection is closed; when our side
 * has ended, so must the other. Says what was wrong, null when nothing was.
 */
export function converse(path: string, { pieces, calls }: Conversation): Promise<string | null> {
  return new Promise((resolve) => {
    const answered = new AnsweredStreams();
    const socket = connect({ path, allowHalfOpen: true });
    let timer: NodeJS.Timeout | undefined;
    const finish = (problem: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const missing = (): number[] => calls.filter((call) => !answered.streams.has(call));
    const leave = (): void => {
      clearTimeout(timer);
      socket.end();
      timer = setTimeout(() => finish('our side has ended, the connection has not'), ANSWER_WITHIN_MS);
    };
    let isSent = false;
    let isLeaving = false;
    const leaveWhenDone = (): void => {
      if (!isSent || isLeaving || missing().length > 0) return;
      isLeaving = true;
      leave();
    };
    const send = (at: number): void => {
      const piece = pieces[at];
      if (socket.destroyed) return;
      if (piece === undefined) {
        isSent = true;
        timer = setTimeout(() => {
          const [first] = missing();
          finish(`no answer to the call on stream ${first} of ${calls.length}`);
        }, ANSWER_WITHIN_MS);
        leaveWhenDone();
        return;
      }
      // A turn for each piece, so that the server reads them apart.
      if (socket.write(piece)) setImmediate(send, at + 1);
      else socket.once('drain', () => send(at + 1));
    };
    // Pieces that the server does not take are not its hang as long as it closes.
    timer = setTimeout(() => finish('neither read nor closed'), 10 * ANSWER_WITHIN_MS);
    socket.once('connect', () => send(0));
    socket.on('data', (chunk: Buffer) => {
      answered.push(chunk);
      leaveWhenDone();
    });
    socket.once('end', () => finish(null));
    socket.once('close', () => finish(null));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? `nobody listens: ${error.code}` : null),
    );
  });
}
