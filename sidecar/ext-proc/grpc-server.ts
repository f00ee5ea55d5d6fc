import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { rm } from 'node:fs/promises';
import { ASK_FOR_CERTIFICATE, guardPeers, type PeerTls } from '../../proto/identity/peer-guard.ts';
import { readServerContext, renewServerContext } from '../../proto/tls/server-context.ts';
import { frame, FrameReader } from './grpc-frames.ts';

/** Numbers of gRPC statuses that are used here. */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export interface GrpcCall {
  send(message: object): void;
  /** Ends the call; a status other than 0 tells why. Later calls do nothing. */
  end(status?: number, message?: string): void;
}

/** What becomes of one call: exactly one `onClose`, whether it ended, was cancelled or broke. */
export interface GrpcHandler {
  onMessage(message: object): void;
  /** The client has nothing more to say. */
  onHalfClose(): void;
  onClose(): void;
}

/** A streaming method, as proto/xds/services.ts defines it. */
export interface GrpcMethod {
  path: string;
  requestDeserialize(bytes: Buffer): object;
  responseSerialize(message: object): Buffer;
}

export interface GrpcServer {
  add(method: GrpcMethod, open: (call: GrpcCall, headers: Readonly<Record<string, unknown>>) => GrpcHandler): void;
  /** `address`: path of a Unix socket, or `host:port`. With `tls` only clients that show a certificate of the role that it expects are let in. */
  listen(address: string, tls?: PeerTls): Promise<void>;
  readonly openCalls: number;
  /** Takes no new connections, lets calls end for `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** HTTP/2's NO_ERROR. */
const CLOSED_WELL = 0;
/** Envoy's heads have up to 60 KiB, its pieces of answers about 1 MiB, its batches of access logs 256 KiB and one entry. */
const MAX_MESSAGE_BYTES = 8 << 20;
/** What all messages together may hold that are not whole yet: nothing of a peer's may end this process. */
const MAX_KEPT_BYTES = 64 << 20;

/**
 * gRPC streams on bare HTTP/2: half the CPU of grpc-js per ext_proc stream (README). Envoy resets every stream as soon
 * as it has its answer. So Node's limit on rapid resets, meant for strangers, is lifted: the peers are our own Envoys.
 */
export function createGrpcServer({ onError }: { onError: (error: unknown) => void }): GrpcServer {
  const methods = new Map<
    string,
    { method: GrpcMethod; open: (call: GrpcCall, headers: Readonly<Record<string, unknown>>) => GrpcHandler }
  >();
  const servers: { server: Http2Server | Http2SecureServer; socketPath: string | null; stopRenewing: () => void }[] =
    [];
  const sessions = new Set<ServerHttp2Session>();
  let openCalls = 0;
  const kept = { bytes: 0 };

  const onStream = (stream: ServerHttp2Stream, headers: Record<string, unknown>): void => {
    const entry = methods.get(String(headers[':path']));
    stream.on('error', () => {}); // A reset; 'close' follows and settles the call.
    if (!entry) {
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          'grpc-status': String(GRPC_STATUS.unimplemented),
          'grpc-message': 'no such method',
        },
        { endStream: true },
      );
      return;
    }
    openCalls += 1;
    stream.once('close', () => {
      openCalls -= 1;
    });
    serveCall(stream, entry.method, (call) => entry.open(call, headers), onError, kept);
  };
  return {
    add: (method, open) => {
      methods.set(method.path, { method, open });
    },
    async listen(address, tls) {
      const options = {
        streamResetBurst: 1e9,
        streamResetRate: 1e9,
        maxSessionMemory: 1024, // MB; the default of 10 refuses streams when several large bodies are buffered.
        maxSessionInvalidFrames: 1000,
        settings: { maxConcurrentStreams: 100_000, initialWindowSize: 1 << 20, enablePush: false },
      };
      const secure = tls && createSecureServer({ ...options, ...readServerContext(tls), ...ASK_FOR_CERTIFICATE });
      if (tls && secure) guardPeers(secure, tls);
      const server: Http2Server | Http2SecureServer = secure ?? createServer(options);
      server.on('stream', (stream: ServerHttp2Stream, headers: Record<string, unknown>) => {
        try {
          onStream(stream, headers);
        } catch (error) {
          onError(error);
          stream.destroy();
        }
      });
      server.on('session', (session) => {
        session.setLocalWindowSize(16 << 20);
        sessions.add(session);
        session.on('error', () => {});
        session.once('close', () => sessions.delete(session));
      });
      server.on('error', onError);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      const isSocket = address.includes('/');
      if (isSocket) await rm(address, { force: true }); // Left behind by a predecessor that was killed.
      const colon = address.lastIndexOf(':');
      if (isSocket) server.listen(address, resolve);
      else server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''), resolve);
      await promise;
      server.off('error', reject);
      servers.push({
        server,
        socketPath: isSocket ? address : null,
        stopRenewing: secure && tls ? renewServerContext(secure, tls, onError) : () => {},
      });
    },
    get openCalls() {
      return openCalls;
    },
    async close(graceMs) {
      const closing = servers.map(
        ({ server, stopRenewing }) =>
          new Promise<void>((resolve) => {
            stopRenewing();
            server.close(() => resolve());
          }),
      );
      for (const session of sessions) session.close(); // GOAWAY: Envoy opens no new streams here.
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, graceMs);
      await Promise.all(closing);
      clearTimeout(timer);
      await Promise.all(servers.map(({ socketPath }) => socketPath && rm(socketPath, { force: true })));
    },
  };
}

function serveCall(
  stream: ServerHttp2Stream,
  method: GrpcMethod,
  open: (call: GrpcCall) => GrpcHandler,
  onError: (error: unknown) => void,
  kept: { bytes: number },
): void {
  const reader = new FrameReader(MAX_MESSAGE_BYTES);
  const read = (chunk: Buffer): Buffer[] | string => {
    const before = reader.keptBytes;
    const messages = reader.push(chunk);
    kept.bytes += reader.keptBytes - before;
    return kept.bytes > MAX_KEPT_BYTES ? `unfinished messages hold more than ${MAX_KEPT_BYTES} bytes` : messages;
  };
  const forget = (): void => {
    kept.bytes -= reader.keptBytes;
    reader.clear();
  };
  let hasResponded = false,
    hasEnded = false;
  const respond = (): void => {
    hasResponded = true;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  };
  // A client that has more to say would reset the stream now. Node takes that for an error and collects a stack, which was
  // 12 % of an ext_proc stream's CPU. A turn later the trailers are on their way, and the stream ends without a reset.
  const closeSoon = (): void => {
    setImmediate(() => {
      if (!stream.closed) stream.close(CLOSED_WELL);
    });
  };
  const call: GrpcCall = {
    send(message) {
      if (hasEnded || stream.destroyed || stream.closed) return;
      if (!hasResponded) respond();
      stream.write(frame(method.responseSerialize(message)));
    },
    end(status = GRPC_STATUS.ok, message = '') {
      if (hasEnded || stream.destroyed || stream.closed) return;
      hasEnded = true;
      const trailers = {
        'grpc-status': String(status),
        ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message) }),
      };
      if (!hasResponded) {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
        closeSoon();
        return;
      }
      stream.once('wantTrailers', () => {
        guard(() => stream.sendTrailers(trailers));
        closeSoon();
      });
      stream.end();
    },
  };
  const guard = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      onError(error);
      try {
        call.end(GRPC_STATUS.internal, 'the sidecar failed on this message');
      } catch {
        stream.destroy(); // It can't even be told.
      }
    }
  };
  const handler = open(call);
  stream.on('data', (chunk: Buffer) =>
    guard(() => {
      if (hasEnded) return; // Nobody reads it any more, so it must not be kept.
      const messages = read(chunk);
      if (typeof messages === 'string') {
        forget();
        call.end(GRPC_STATUS.resourceExhausted, messages);
        return;
      }
      for (const message of messages) handler.onMessage(method.requestDeserialize(message));
    }),
  );
  stream.once('end', () => guard(() => handler.onHalfClose()));
  stream.once('close', () => {
    forget();
    guard(() => handler.onClose());
  });
}
