import { createServer, type Socket } from 'node:net';
import { rm } from 'node:fs/promises';
import { Connection } from './connection.ts';
import type { OnQuestion } from './question.ts';

export interface QuestionServerOptions {
  /** Path of the Unix socket; one that a killed predecessor left behind is removed. */
  path: string;
  onQuestion: OnQuestion;
  /** What a peer got wrong, or the socket. */
  onError: (error: unknown) => void;
}

export interface QuestionServer {
  readonly openQuestions: number;
  /** Takes no new connections and says GOAWAY; what is asked is answered, what is not within `graceMs` is cut off. */
  close(graceMs: number): Promise<void>;
}

/**
 * gRPC over HTTP/2 for calls of one question and one answer, on a Unix socket that only this node's Envoy knows. Every method is the same here:
 * header blocks are not read. README: why not `node:http2`.
 */
export async function startQuestionServer({
  path,
  onQuestion,
  onError,
}: QuestionServerOptions): Promise<QuestionServer> {
  const connections = new Map<Connection, Socket>();
  const server = createServer((socket) => {
    const connection = new Connection({
      onQuestion,
      onError,
      write: (bytes) => {
        socket.write(bytes);
        return socket.writableLength;
      },
      end: () => {
        socket.end();
      },
      destroy: () => {
        socket.destroy();
      },
    });
    connections.set(connection, socket);
    socket.on('data', (chunk) => {
      try {
        connection.receive(chunk);
      } catch (error) {
        // What stands in the reader is in no known state: the peer begins anew on another connection.
        onError(error);
        socket.destroy();
      }
    });
    socket.on('error', () => {}); // 'close' follows.
    socket.once('close', () => {
      connections.delete(connection);
      connection.lose();
    });
  });
  await rm(path, { force: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(path, resolve);
  await promise;
  server.off('error', reject).on('error', onError);
  return {
    get openQuestions() {
      return [...connections.keys()].reduce((sum, { openQuestions }) => sum + openQuestions, 0);
    },
    async close(graceMs) {
      const isClosed = new Promise<void>((done) => {
        server.close(() => done());
      });
      for (const connection of connections.keys()) connection.leave();
      const timer = setTimeout(() => {
        for (const socket of connections.values()) socket.destroy();
      }, graceMs);
      await isClosed;
      clearTimeout(timer);
      await rm(path, { force: true });
    },
  };
}
