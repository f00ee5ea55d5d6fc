import type { PeerTls } from '../../proto/identity/peer-guard.ts';
import { HEADER, unarySocket } from '../../proto/wire.ts';
import type { AccessLogReceiver } from '../outcome/access-log-receiver.ts';
import { externalProcessorService, logsService, methodOf } from '../../proto/xds/services.ts';
import { detach } from '../../proto/detach.ts';
import { Exchange } from './exchange.ts';
import { createGrpcServer, GRPC_STATUS, type GrpcMethod } from './grpc-server.ts';
import { decodeMessage } from './decode-message.ts';
import { encodeReply } from './encode-reply.ts';
import { serverOf, type ProcessingMessage } from './messages.ts';
import { decideCalls, type DecideOptions } from './unary/decide.ts';
import { startUnaryServer, type UnaryServer } from './unary/unary-server.ts';
import { isLast, isRefusal, type Reply } from './replies.ts';

export interface ExtProcOptions extends Omit<DecideOptions, 'onError'> {
  /** `where`: which of the servers failed. */
  onError: (error: unknown, where: 'ext-proc' | 'ext-proc-unary' | 'access-logs') => void;
  /** Where to listen: paths of Unix sockets, each with a second one for unary calls beside it (unarySocket), or `host:port`. */
  addresses: readonly string[];
  /** Unary calls have no server of their own: Node's HTTP/2 answers them too. */
  isPlain?: boolean;
  /** Where neighbours' Envoys ask; with `peerTls` they must show a certificate. */
  peer?: string | null;
  peerTls?: PeerTls | null;
  /** Takes a batch of Envoy's access logs; Envoy's call waits as long as it does. */
  accessLogs: AccessLogReceiver;
  metrics: DecideOptions['metrics'] & { extProcStreams(open: number): void };
}

export interface ExtProc {
  readonly openStreams: number;
  /** GOAWAY to every Envoy; streams that don't end within `graceMs` are cut off. */
  close(graceMs: number): Promise<void>;
}

/** Messages as they are decoded, without a conversion to plain objects: a tenth of a stream's CPU. */
const process: GrpcMethod = {
  path: methodOf(externalProcessorService, 'Process').path,
  requestDeserialize: decodeMessage,
  responseSerialize: encodeReply,
};

/** Batches stay bytes until it is their turn. */
const exportLogs: GrpcMethod = {
  path: methodOf(logsService, 'Export').path,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: () => Buffer.alloc(0),
};

/** The gRPC service that Envoy asks: ext_proc and access logs, on every address. */
export async function startExtProc(options: ExtProcOptions): Promise<ExtProc> {
  const { metrics, accessLogs } = options;
  const onError = (error: unknown): void => options.onError(error, 'ext-proc');
  const decideOptions: DecideOptions = { ...options, onError: (error) => options.onError(error, 'ext-proc-unary') };
  const server = createGrpcServer({ onError });
  let openStreams = 0;

  server.add(process, (call, headers) => {
    let exchange: Exchange | undefined,
      tail: Promise<void> = Promise.resolve();
    let isAnswered = false,
      isClosed = false;
    openStreams += 1;
    metrics.extProcStreams(openStreams);
    const answer = async (message: ProcessingMessage): Promise<void> => {
      const startedAt = performance.now();
      try {
        // Unary calls name the server in the request's own headers.
        exchange ??= new Exchange({ ...options, onError }, String(headers[HEADER.server] ?? serverOf(message)));
        const reply: Reply = await exchange.on(message);
        if (isClosed) return;
        call.send(reply);
        isAnswered = true;
        // Envoy has nothing more to ask.
        if (isLast(reply)) call.end();
        metrics.extProc(message.kind ?? 'unknown', isRefusal(reply) ? 'reject' : 'ok', performance.now() - startedAt);
      } catch (error) {
        onError(error);
        metrics.extProc(message.kind ?? 'unknown', 'error', performance.now() - startedAt);
        call.end(GRPC_STATUS.internal, 'the sidecar failed on this message');
      }
    };
    return {
      onMessage(message) {
        tail = tail.then(() => answer(message as ProcessingMessage));
      },
      onHalfClose() {
        detach(
          tail.then(() => call.end()),
          onError,
        );
      },
      onClose() {
        isClosed = true;
        openStreams -= 1;
        metrics.extProcStreams(openStreams);
        // A decision may still be under way, and take an arrival or a permit: settled after it.
        detach(
          tail.then(() => exchange?.close(isAnswered)),
          onError,
        );
      },
    };
  });
  server.add(exportLogs, (call) => {
    let hasBatch = false;
    return {
      onMessage(batch) {
        hasBatch = true;
        const failed = (error: unknown): void => options.onError(error, 'access-logs');
        const taken = accessLogs(batch as Buffer).then(
          (result) => {
            if (result === 'full') return call.end(GRPC_STATUS.resourceExhausted, 'outcomes pile up');
            if (result === 'malformed') return call.end(GRPC_STATUS.invalidArgument, 'no batch of access logs');
            call.send({});
            return call.end();
          },
          (error: unknown) => {
            failed(error);
            call.end(GRPC_STATUS.internal, 'the sidecar failed on this batch');
          },
        );
        detach(taken, failed);
      },
      onHalfClose() {
        // Without a whole batch nothing else would ever end this call.
        if (!hasBatch) call.end(GRPC_STATUS.internal, 'the call ended without a whole batch');
      },
      onClose: () => {},
    };
  });
  const unary: UnaryServer[] = [];
  for (const address of options.addresses) {
    await server.listen(address);
    if (!address.includes('/')) continue;
    if (options.isPlain) await server.listen(unarySocket(address));
    else
      unary.push(
        await startUnaryServer({
          path: unarySocket(address),
          onCall: decideCalls(decideOptions),
          onError: decideOptions.onError,
        }),
      );
  }
  if (options.peer) await server.listen(options.peer, options.peerTls ?? undefined);
  return {
    get openStreams() {
      return unary.reduce((sum, { openCalls }) => sum + openCalls, openStreams);
    },
    async close(graceMs) {
      await Promise.all([server, ...unary].map((each) => each.close(graceMs)));
    },
  };
}
