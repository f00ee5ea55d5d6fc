import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { rm } from 'node:fs/promises';
import { METADATA } from '../../proto/wire.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { readJsonMessage, writeJsonReply } from './json-messages.ts';
import { namesSession, serverOf, type ProcessingMessage } from './messages.ts';
import { isLast, requestHeadersReply, type Reply } from './replies.ts';

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
    if (!namesSession(message)) return answer(response, requestHeadersReply({ metadata: { [METADATA.host]: options.relay }, then: 'nothing' }), sinceMs);
    const exchange = new Exchange(options, serverOf(message));
    const reply = whole(() => exchange.on(message));
    // Nearly always: known at once, and nothing to settle.
    if (!(reply instanceof Promise) && !exchange.holdsPermit) return answer(response, reply, sinceMs);
    // Envoy may have given up meanwhile: then nothing was sent on, and a permit is free again.
    const isOver = new Promise<boolean>((resolve) => { response.once('close', () => resolve(response.writableFinished && response.statusCode === 200)); });
    void Promise.resolve(reply).catch(asError).then(async (known) => {
      answer(response, known, sinceMs);
      exchange.close(await isOver);
    });
  };
  return (incoming: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BYTES) chunks.push(chunk);
    });
    incoming.once('end', () => {
      if (bytes > MAX_BYTES) { end(response, 413, ''); return; }
      decide(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString(), response);
    });
  };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Runs it; an answer that would have Envoy ask for more is a fault, here it can't. */
function whole(ask: () => Reply | Promise<Reply>): Reply | Error | Promise<Reply | Error> {
  const checked = (reply: Reply): Reply | Error => (isLast(reply) ? reply : new Error('ext_proc over HTTP: an answer that asks for more'));
  try {
    const reply = ask();
    return reply instanceof Promise ? reply.then(checked) : checked(reply);
  } catch (error) {
    return asError(error);
  }
}

/** The same answers on a Unix socket, for this node's own Envoy. */
export async function listenForDecisions(path: string, decide: RequestListener): Promise<{ close(graceMs: number): Promise<void> }> {
  // Envoy closes idle connections itself: one that is closed from here may be just the one that a question is being written to.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, decide);
  await rm(path, { force: true }); // Left behind by a predecessor that was killed.
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path, () => { server.off('error', reject); resolve(); }); });
  return {
    async close(graceMs) {
      const ended = new Promise((resolve) => { server.close(resolve); });
      const timer = setTimeout(() => { server.closeAllConnections(); }, graceMs);
      await ended;
      clearTimeout(timer);
      await rm(path, { force: true });
    },
  };
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}
