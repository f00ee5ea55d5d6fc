import type { RequestListener, ServerResponse } from 'node:http';
import { METADATA } from '../../proto/wire.ts';
import { readBody } from '../relay/read-body.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { readJsonMessage, writeJsonReply } from './json-messages.ts';
import { serverOf, sessionIds, type ProcessingMessage } from './messages.ts';
import { requestHeadersReply, type Reply } from './replies.ts';

export interface DecideOptions extends ExchangeContext {
  metrics: { extProc(message: string, result: 'ok' | 'reject' | 'error', durationMs: number): void };
  onError: (error: unknown) => void;
}

/** Envoy takes heads of up to 60 KiB; in base64 and JSON they are larger by half. */
const MAX_BYTES = 256 << 10;

/** Answers Envoy's ext_proc filter where it asks by HTTP: one message, one answer, both as JSON. Anything but 200 is an error to Envoy, which then asks a neighbour. */
export function decideOverHttp(options: DecideOptions): RequestListener {
  const { metrics, onError } = options;
  /** Says what was decided, or failed to be. */
  const answer = (response: ServerResponse, reply: Reply | Error, sinceMs: number): void => {
    if (reply instanceof Error) onError(reply);
    metrics.extProc('request_headers', reply instanceof Error ? 'error' : 'immediate_response' in reply ? 'reject' : 'ok', performance.now() - sinceMs);
    if (reply instanceof Error) end(response, 500, '');
    else end(response, 200, writeJsonReply(reply));
  };
  const decide = (text: string, response: ServerResponse): void => {
    const sinceMs = performance.now();
    let message: ProcessingMessage;
    try {
      message = readJsonMessage(text);
    } catch (error) {
      onError(error);
      metrics.extProc('unknown', 'error', performance.now() - sinceMs);
      end(response, 400, '');
      return;
    }
    // An empty session id: only who sees the body and the answer can tell what it begins. The relay does.
    if (sessionIds(message).length === 0) return answer(response, requestHeadersReply({ metadata: { [METADATA.host]: options.relay }, then: 'nothing' }), sinceMs);
    const exchange = new Exchange(options, serverOf(message));
    const reply = attempt(() => exchange.on(message));
    // Nearly always: known at once, and nothing to settle.
    if (!(reply instanceof Promise) && !exchange.holdsPermit) return answer(response, reply, sinceMs);
    // Envoy may have given up meanwhile: then nothing was sent on, and a permit is free again.
    const isOver = new Promise<boolean>((resolve) => { response.once('close', () => resolve(response.writableFinished && response.statusCode === 200)); });
    void Promise.resolve(reply).catch(asError).then(async (known) => {
      answer(response, known, sinceMs);
      exchange.close(await isOver);
    });
  };
  return (incoming, response) => readBody(incoming, MAX_BYTES, (body) => {
    if (body === null) end(response, 413, '');
    else if (body !== undefined) decide(body.toString(), response);
  });
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** What it gives, or the error that it throws. */
function attempt<T>(run: () => T): T | Error {
  try { return run(); } catch (error) { return asError(error); }
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}
