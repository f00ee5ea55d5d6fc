import { createServer, type Socket } from 'node:net';
import { rm } from 'node:fs/promises';
import { Connection } from './connection.ts';
import type { OnUnaryCall } from './unary-call.ts';

export interface UnaryServerOptions {
  /** Path of the Unix socket; one that a killed predecessor left behind is removed. */
  path: string;
  onCall: OnUnaryCall;
  /** What a peer got wrong, or the socket. */
  onError: (error: unknown) => void;
}

export interface UnaryServer {
  readonly openCalls: number;
  /** Takes no new connections and says GOAWAY; what is asked is answered, what is not within `graceMs` is cut off. */
  close(graceMs: number): Promise<void>;
}

/**
 * gRPC over HTTP/2 for calls of one message and one answer, on a Unix socket that only this node's Envoy knows. Every method is the same here:
 * header blocks are not read. README: why not `node:http2`.
 */
export async function startUnaryServer({ path, onCall, onError }: UnaryServerOptions): Promise<UnaryServer> {
  const connections = new Map<Connection, Socket>();
  const server = createServer((socket) => {
    const connection = new Connection({
      onCall,
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
        // What stands in the reader is in no known state: the peer starts again on another connection.
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
    get openCalls() {
      return [...connections.keys()].reduce((sum, { openCalls }) => sum + openCalls, 0);
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
