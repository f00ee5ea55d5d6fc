import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { rm } from 'node:fs/promises';
import { METADATA } from '../../proto/wire.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { readJsonMessage, writeJsonReply } from './json-messages.ts';
import { namesSession, serverOf, type ProcessingMessage } from './messages.ts';
import { isLast, requestHeadersReply } from './replies.ts';

export interface DecideOptions extends ExchangeContext {
  metrics: { extProc(message: string, result: 'ok' | 'reject' | 'error', durationMs: number): void };
  onError: (error: unknown) => void;
}

/** Envoy takes heads of up to 60 KiB; in base64 and JSON they are larger by half. */
const MAX_BYTES = 256 << 10;

/** Answers Envoy's ext_proc filter where it asks by HTTP: one message, one answer, both as JSON. Anything but 200 is an error to Envoy, which then asks a neighbour. */
export function decideOverHttp(options: DecideOptions): RequestListener {
  const { metrics, onError } = options;
  const decide = async (text: string, response: ServerResponse): Promise<void> => {
    const startedAt = performance.now();
    let message: ProcessingMessage;
    try {
      message = readJsonMessage(text);
    } catch (error) {
      onError(error);
      metrics.extProc('unknown', 'error', performance.now() - startedAt);
      return end(response, 400, '');
    }
    const exchange = new Exchange(options, serverOf(message));
    // Envoy may have given up while the store was asked: then nothing was sent on, and a permit is free again.
    response.once('close', () => { void decided.then(() => exchange.close(response.writableFinished)); });
    const decided = (async () => {
      try {
        // An empty session id: only who sees the body and the answer can tell what it begins. The relay does.
        const reply = namesSession(message) ? await exchange.on(message) : requestHeadersReply({ metadata: { [METADATA.host]: options.relay }, then: 'nothing' });
        if (!isLast(reply)) throw new Error('ext_proc over HTTP: an answer that asks for more');
        metrics.extProc('request_headers', 'immediate_response' in reply ? 'reject' : 'ok', performance.now() - startedAt);
        end(response, 200, writeJsonReply(reply));
      } catch (error) {
        onError(error);
        metrics.extProc('request_headers', 'error', performance.now() - startedAt);
        end(response, 500, '');
      }
    })();
    await decided;
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
      void decide(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString(), response);
    });
  };
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
