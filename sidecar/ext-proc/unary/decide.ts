import { detach } from '../../../proto/detach.ts';
import { decodeMessage } from '../decode-message.ts';
import { encodeReply } from '../encode-reply.ts';
import { Exchange, type ExchangeContext } from '../exchange.ts';
import { GRPC_STATUS } from '../grpc-server.ts';
import { serverOf } from '../messages.ts';
import { isRefusal, type Reply } from '../replies.ts';
import type { OnUnaryCall } from './unary-call.ts';

export interface DecideOptions extends ExchangeContext {
  metrics: { extProc(message: string, result: 'ok' | 'reject' | 'error', durationMs: number): void };
}

/** Decides on requests that name a session: their headers are all there is to know, so one message is asked and answered. An error lets Envoy ask a neighbour. */
export function decideCalls(options: DecideOptions): OnUnaryCall {
  const { metrics, onError } = options;
  return (call) => {
    const sinceMs = performance.now();
    let kind = 'unknown',
      exchange: Exchange | undefined;
    const fail = (error: unknown): void => {
      onError(error);
      metrics.extProc(kind, 'error', performance.now() - sinceMs);
      call.fail(GRPC_STATUS.internal);
      exchange?.close(false);
    };
    /** Envoy may have given up meanwhile: then nothing was sent on, and a permit is free again. */
    const answer = (reply: Reply): void => {
      const isTaken = call.answer(encodeReply(reply));
      metrics.extProc(kind, isRefusal(reply) ? 'reject' : 'ok', performance.now() - sinceMs);
      exchange?.close(isTaken);
    };
    try {
      const message = decodeMessage(call.message);
      kind = message.kind ?? kind;
      if (message.kind !== 'request_headers')
        throw new TypeError(`ext_proc: a message of kind ${kind} where only request headers are asked about`);
      exchange = new Exchange(options, serverOf(message));
      const reply = exchange.on(message);
      // Nearly always it is known at once.
      if (reply instanceof Promise) detach(reply.then(answer).catch(fail), onError);
      else answer(reply);
    } catch (error) {
      fail(error);
    }
  };
}
