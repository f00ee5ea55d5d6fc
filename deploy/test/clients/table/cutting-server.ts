import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJsonObject } from '../../../../proto/parse-json.ts';

/** How the stream of a call ends before its answer: `reset` breaks the connection, `end` closes the stream properly. */
export type Cut = 'reset' | 'end';

/** A GET that a client sent to go on with a call whose stream was cut. */
export interface Resumption {
  lastEventId: string;
  afterMs: number;
}

/** What is told before the cut. `retryMs`: the stream's own word on when to come back. */
export interface Priming {
  cut: Cut;
  isPrimed: boolean;
  retryMs: number | null;
}

const CUT_AFTER_MS = 200;

/** A server whose stream of a call is cut before the answer, and that answers whoever resumes it. */
export class CuttingServer {
  priming: Priming = { cut: 'reset', isPrimed: true, retryMs: null };
  readonly resumptions: Resumption[] = [];
  readonly #server = createServer((incoming, response) => {
    this.#serve(incoming, response).catch(() => response.destroy());
  });
  /** Id of the call that was cut, and when. */
  #cut: { id: unknown; atMs: number } | null = null;

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.method === 'GET') return this.#get(String(incoming.headers['last-event-id'] ?? ''), response);
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const message = parseJsonObject(Buffer.concat(pieces)) ?? {};
    const { id, method } = message;
    if (incoming.method !== 'POST' || id === undefined) {
      response.writeHead(incoming.method === 'POST' ? 202 : 200).end();
      return;
    }
    if (method === 'tools/call') return this.#cutCall(id, response);
    const result = method === 'initialize' ? INITIALIZED : { tools: [TOOL] };
    response
      .writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'a-session' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  }

  async #cutCall(id: unknown, response: ServerResponse): Promise<void> {
    const { cut, isPrimed, retryMs } = this.priming;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': begun\n\n');
    if (isPrimed) response.write(`id: event-1\n${retryMs === null ? '' : `retry: ${retryMs}\n`}data: \n\n`);
    await sleep(CUT_AFTER_MS);
    this.#cut = { id, atMs: Date.now() };
    if (cut === 'reset') response.destroy();
    else response.end();
  }

  #get(lastEventId: string, response: ServerResponse): void {
    if (lastEventId === '' || !this.#cut) {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    const { id, atMs } = this.#cut;
    this.resumptions.push({ lastEventId, afterMs: Date.now() - atMs });
    const result = { content: [{ type: 'text', text: 'resumed' }] };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: event-2\nevent: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  }
}

const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'cutting', version: '1' },
};
const TOOL = { name: 'cut', inputSchema: { type: 'object' } };
