import type { GrpcTls } from '../../proto/tls/grpc-credentials.ts';
import { Readable } from 'node:stream';
import type { handleClientStreamingCall, ServerReadableStream } from '@grpc/grpc-js';
import { messageType } from '../../proto/xds/schema.ts';
import { decodeAccessLog } from '../outcome/decode-access-log.ts';
import { accessLogService, externalProcessorService } from '../../proto/xds/services.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { createGrpcServer, GRPC_STATUS, type GrpcMethod } from './grpc-server.ts';
import type { ProcessingRequest } from './messages.ts';
import type { Reply } from './replies.ts';

export interface ExtProcOptions extends ExchangeContext {
  /** Where to listen: paths of Unix sockets, or `host:port`. */
  addresses: readonly string[];
  /** Where neighbours' Envoys ask; with `peerTls` they must show a certificate. */
  peer?: string | null;
  peerTls?: GrpcTls | null;
  /** Reads Envoy's access log stream; backpressure by `pause` and `resume`. */
  accessLogs: handleClientStreamingCall<never, object>;
  metrics: { extProc(message: string, result: 'ok' | 'reject' | 'error', durationMs: number): void; extProcStreams(open: number): void };
  onError: (error: unknown) => void;
}

export interface ExtProc {
  readonly openStreams: number;
  /** GOAWAY to every Envoy; streams that don't end within `graceMs` are cut off. */
  close(graceMs: number): Promise<void>;
}

/** Batches of log entries held for a reader that is behind; beyond them Envoy keeps its own. */
const ACCESS_LOG_BATCHES = 16;

const request = messageType('envoy.service.ext_proc.v3.ProcessingRequest'), response = messageType('envoy.service.ext_proc.v3.ProcessingResponse');
/** Messages as they are decoded, without a conversion to plain objects: a tenth of a stream's CPU. */
const process: GrpcMethod = {
  path: externalProcessorService['Process']!.path,
  requestDeserialize: (bytes) => request.decode(bytes),
  responseSerialize: (message) => response.encode(message).finish() as Buffer,
};

/** The gRPC service that Envoy asks: ext_proc and access logs, on every address. */
export async function startExtProc(options: ExtProcOptions): Promise<ExtProc> {
  const { metrics, onError, accessLogs } = options;
  const server = createGrpcServer({ onError });
  let openStreams = 0;

  server.add(process, (call) => {
    const exchange = new Exchange(options);
    let tail: Promise<void> = Promise.resolve();
    let isAnswered = false, isClosed = false;
    metrics.extProcStreams(openStreams += 1);
    const answer = async (message: ProcessingRequest): Promise<void> => {
      const startedAt = performance.now();
      try {
        const reply: Reply = await exchange.on(message);
        if (isClosed) return;
        call.send(reply);
        isAnswered = true;
        metrics.extProc(message.request ?? 'unknown', 'immediate_response' in reply ? 'reject' : 'ok', performance.now() - startedAt);
      } catch (error) {
        onError(error);
        metrics.extProc(message.request ?? 'unknown', 'error', performance.now() - startedAt);
        call.end(GRPC_STATUS.internal, 'the sidecar failed on this message');
      }
    };
    return {
      onMessage(message) { tail = tail.then(() => answer(message as ProcessingRequest)); },
      onHalfClose() { void tail.then(() => call.end()); },
      onClose() {
        isClosed = true;
        metrics.extProcStreams(openStreams -= 1);
        // A decision may still be under way, and take an arrival or a permit: settled after it.
        void tail.then(() => exchange.close(isAnswered));
      },
    };
  });
  const logs = new Set<() => void>();
  server.add({ ...accessLogService['StreamAccessLogs'] as unknown as GrpcMethod, requestDeserialize: decodeAccessLog }, (call) => {
    const messages = new Readable({ objectMode: true, highWaterMark: ACCESS_LOG_BATCHES, read: () => call.resume() });
    accessLogs(messages as ServerReadableStream<never, object>, (_error, answer) => { if (answer) call.send(answer); call.end(); });
    const end = (): void => { if (logs.delete(end)) messages.push(null); };
    logs.add(end);
    return {
      onMessage: (message) => { if (logs.has(end) && !messages.push(message)) call.pause(); },
      onHalfClose: end,
      onClose: () => { logs.delete(end); messages.destroy(); },
    };
  });
  for (const address of options.addresses) await server.listen(address);
  if (options.peer) await server.listen(options.peer, options.peerTls ?? undefined);
  return {
    get openStreams() { return openStreams; },
    close(graceMs) {
      // Access logs never end by themselves: without this every end of a sidecar would take all of its grace.
      for (const end of logs) end();
      return server.close(graceMs);
    },
  };
}
