import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { listenOn } from '../mesh/listen-on.ts';
import { json } from '../servers/kit/http-answer.ts';
import { readWhole } from './read-whole.ts';

/** A JSON-RPC message as a lenient server reads it. */
export interface SeenMessage {
  id?: unknown;
  method?: string;
  params?: { name?: string; arguments?: Record<string, unknown>; [key: string]: unknown };
}

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** Null when the body is no JSON object. */
  message: SeenMessage | null;
}

interface ReplicaSession {
  /** Authorization header of its initialize: as many servers do, the session's user. */
  authorization: string | null;
  params: unknown;
}

/** Answers a request itself and says true, or leaves it to the replica. */
export type Behaviour = (seen: Seen, response: ServerResponse) => boolean;

const NOT_FOUND = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };
const TOOLS = ['echo', 'headers', 'hang', 'internal', 'ask'].map((name) => ({ name, inputSchema: { type: 'object' } }));

/** An MCP server without an SDK, in this process: cases read what it saw and tell it how to misbehave. */
export class RawReplica {
  readonly name: string;
  readonly port: number;
  readonly sessions = new Map<string, ReplicaSession>();
  /** Requests since `reset`, oldest first. */
  seen: Seen[] = [];
  behave: Behaviour | undefined;
  isHttpSse: boolean;
  #server: Server | undefined;
  #restarting: Promise<void> | undefined;
  #isClosed = false;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Map<string, ServerResponse>();

  constructor(name: string, port: number, isHttpSse = false) {
    this.name = name;
    this.port = port;
    this.isHttpSse = isHttpSse;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How often this replica was asked for a JSON-RPC method, or `GET` and `DELETE`. */
  count(what: string): number {
    return this.seen.filter(({ method, message }) => (method === 'POST' ? message?.method : method) === what).length;
  }

  /** Forgets what it saw and how it was told to behave; its sessions stay. */
  reset(): void {
    this.seen = [];
    this.behave = undefined;
  }

  /** What a restart without persistence does. */
  forget(): void {
    this.sessions.clear();
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
  }

  async start(): Promise<void> {
    // Longer than Envoy keeps them: this process is busy with the attack, and would end connections on which requests wait for it.
    const server = createServer({ maxHeaderSize: 262_144, keepAliveTimeout: 60_000 }, (request, response) => {
      response.on('error', () => undefined);
      readWhole(request, (body) => this.#take(request, response, body));
    });
    server.on('clientError', (_, socket) => socket.destroy());
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await listenOn(server, this.port, 4096);
  }

  /** Ends at once: connections are reset, sessions are gone. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.sessions.clear();
    this.#streams.clear();
    await new Promise<void>((resolve) => {
      if (!server) return resolve();
      server.close(() => resolve());
      for (const socket of this.#sockets) socket.resetAndDestroy();
    });
  }

  /** Ends for good: a restart under way, or one that somebody still asks for, does not bring it back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#restarting?.catch(() => undefined);
    await this.kill();
  }

  /** `kill`, then `start`, as one: of several at a time only the first does it. */
  async restart(): Promise<void> {
    if (this.#isClosed) return;
    this.#restarting ??= this.kill()
      .then(() => this.start())
      .finally(() => {
        this.#restarting = undefined;
      });
    return this.#restarting;
  }

  #take(request: IncomingMessage, response: ServerResponse, body: string): void {
    const seen: Seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body,
      message: parsed(body),
    };
    if (this.seen.length < 100_000) this.seen.push(seen);
    if (this.behave?.(seen, response)) return;
    const session = request.headers['mcp-session-id'] as string | undefined;
    if (seen.method === 'GET') return this.#get(seen, session, response);
    if (seen.method === 'DELETE') {
      const isKnown = session !== undefined && this.sessions.delete(session);
      return json(response, isKnown ? 200 : 404, {});
    }
    if (seen.method !== 'POST') return json(response, 200, { served: seen.method, url: seen.url });
    if (this.isHttpSse && seen.url.includes('s=')) return this.#posted(seen, response);
    this.#post(seen, session, response);
  }

  #get(seen: Seen, session: string | undefined, response: ServerResponse): void {
    if (session === undefined && this.isHttpSse) {
      const id = randomUUID();
      this.sessions.set(id, { authorization: seen.headers.authorization ?? null, params: null });
      this.#streams.set(id, response);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: endpoint\ndata: /messages?s=${id}\n\n`);
      response.once('close', () => this.#streams.delete(id));
      return;
    }
    if (session === undefined || !this.sessions.has(session))
      return json(response, session === undefined ? 405 : 404, NOT_FOUND);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': open\n\n');
  }

  /** A message of HTTP+SSE (2024-11-05): the answer comes on its stream. */
  #posted({ url, message, headers }: Seen, response: ServerResponse): void {
    const id = /s=([\w-]+)/.exec(url)?.[1] ?? '',
      session = this.sessions.get(id);
    if (!session) return json(response, 404, NOT_FOUND);
    response.writeHead(202).end();
    if (message?.id === undefined || message.method === undefined) return;
    if (message.method === 'initialize') session.params = message.params;
    const answer = { jsonrpc: '2.0', id: message.id, ...this.answerOf(message, id, headers, '2024-11-05') };
    this.#streams.get(id)?.write(`event: message\ndata: ${JSON.stringify(answer)}\n\n`);
  }

  #post({ message, headers }: Seen, session: string | undefined, response: ServerResponse): void {
    if (message === null)
      return json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } });
    const isModern = typeof headers['mcp-method'] === 'string';
    if (message.method === 'initialize') {
      const id = randomUUID();
      this.sessions.set(id, { authorization: headers.authorization ?? null, params: message.params });
      const version = message.params?.['protocolVersion'];
      const result = this.answerOf(message, id, headers, typeof version === 'string' ? version : '2025-06-18');
      return json(response, 200, { jsonrpc: '2.0', id: message.id, ...result }, { 'mcp-session-id': id });
    }
    if (session !== undefined && !this.sessions.has(session)) return json(response, 404, NOT_FOUND);
    if (session === undefined && !isModern)
      return json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request' } });
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end();
    if (message.params?.name === 'hang') return;
    json(response, 200, { jsonrpc: '2.0', id: message.id, ...this.answerOf(message, session ?? '', headers) });
  }

  /** `result` or `error` of one request. Tool results carry who the session belongs to. */
  answerOf(message: SeenMessage, session: string, headers: IncomingMessage['headers'], version = ''): object {
    switch (message.method) {
      case 'initialize': {
        const capabilities = { tools: {}, logging: {}, resources: { subscribe: true } };
        return {
          result: { protocolVersion: version, capabilities, serverInfo: { name: this.name, version: '1' } },
        };
      }
      case 'server/discover': {
        const serverInfo = { name: this.name, version: '1' };
        return {
          result: {
            resultType: 'complete',
            supportedVersions: ['2026-07-28'],
            capabilities: { tools: {} },
            serverInfo,
          },
        };
      }
      case 'tools/list':
        return { result: { resultType: 'complete', tools: TOOLS } };
      case 'tools/call':
        return this.#call(message, session, headers);
      default:
        return { result: { resultType: 'complete' } };
    }
  }

  #call(message: SeenMessage, session: string, headers: IncomingMessage['headers']): object {
    // Fuzzed calls have names and arguments of any type.
    const name = String(message.params?.name ?? '');
    const args = Object(message.params?.arguments) as Record<string, unknown>;
    if (name.startsWith('internal') && args['ok'] !== true) return { error: { code: -32603, message: 'boom' } };
    const who = this.sessions.get(session)?.authorization ?? null;
    const said = { text: args['text'] ?? null, replica: this.name, upstream: session, who };
    const text = JSON.stringify(name === 'headers' ? { ...said, headers } : said);
    return { result: { resultType: 'complete', content: [{ type: 'text', text }] } };
  }
}

function parsed(body: string): SeenMessage | null {
  try {
    const value: unknown = JSON.parse(body);
    return value !== null && typeof value === 'object' ? (value as SeenMessage) : null;
  } catch {
    return null;
  }
}
