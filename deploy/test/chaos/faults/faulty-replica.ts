import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { event, sse } from '../../../../sidecar/relay/testing/fake-replica.ts';

export const FAULTS = ['kill', 'freeze', 'reset', 'early close', 'garbage', 'refuse'] as const;
export type Fault = (typeof FAULTS)[number];

interface Message {
  id?: string | number;
  method?: string;
  params?: { name?: string; taskId?: string; arguments?: { key?: string } };
}
const TOOLS = [
  { name: 'read', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
  { name: 'write', inputSchema: { type: 'object' } },
];

/** What the replicas of one run share: the fault that the next call or stream meets, and how often each call ran. */
export class FaultPlan {
  #armed: Fault | null = null;
  #executions = 0;
  /** The replicas give no session ids, and have no GET. */
  isStateless = false;
  /** An official client's own words. */
  told: string | null = null;

  arm(fault: Fault): void {
    this.#armed = fault;
    this.#executions = 0;
  }
  take(): Fault | null {
    const armed = this.#armed;
    this.#armed = null;
    return armed;
  }
  ran(): void {
    this.#executions += 1;
  }
  get executions(): number {
    return this.#executions;
  }
}

/** A replica of every era that breaks as it is told: sessions, no sessions, 2026-07-28, HTTP+SSE. */
export class FaultyReplica {
  readonly #plan: FaultPlan;
  readonly #server: Server;
  readonly #sessions = new Set<string>();
  readonly #tasks = new Set<string>();
  readonly streams = new Set<ServerResponse>();
  /** Streams of HTTP+SSE by session. */
  readonly #sse = new Map<string, ServerResponse>();
  #isFrozen = false;
  #made = 0;
  readonly name: string;

  constructor(name: string, plan: FaultPlan) {
    this.name = name;
    this.#plan = plan;
    this.#server = createServer((request, response) => this.#onRequest(request, response));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await new Promise((resolve) => this.#server.once('listening', resolve));
    return (this.#server.address() as AddressInfo).port;
  }
  get sessions(): number {
    return this.#sessions.size;
  }
  holds(upstreamId: string): boolean {
    return this.#sessions.has(upstreamId) || this.#tasks.has(upstreamId) || this.#sse.has(upstreamId);
  }
  /** Ends it as SIGKILL would. */
  kill(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Breaks an answer, or a stream that is open. */
  break(fault: Fault, response: ServerResponse): void {
    switch (fault) {
      case 'kill':
      case 'refuse':
        return this.kill();
      case 'freeze':
        this.#isFrozen = true;
        return undefined;
      case 'reset':
        response.socket?.resetAndDestroy();
        return undefined;
      case 'early close':
        if (!response.headersSent) sse(response, ': nothing follows\n\n');
        response.end();
        return undefined;
      case 'garbage':
        if (response.writableEnded) return undefined;
        if (response.headersSent) response.write('data: {"jsonrpc":"2.0",\u0000\n\n');
        else response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":');
        return undefined;
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      if (this.#isFrozen) return;
      if (request.method === 'GET' && this.#plan.isStateless) response.writeHead(405).end();
      else if (request.method === 'GET') this.#open(request, response);
      else if (request.method === 'DELETE') response.writeHead(200).end();
      else this.#post(request, response, JSON.parse(Buffer.concat(pieces).toString()) as Message);
    });
  }

  #open(request: IncomingMessage, response: ServerResponse): void {
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    if (request.headers['mcp-session-id'] !== undefined) return sse(response, '');
    const id = `${this.name}${++this.#made}`;
    this.#sse.set(id, response);
    sse(response, `event: endpoint\ndata: /messages?s=${id}\n\n`);
  }

  #post(request: IncomingMessage, response: ServerResponse, message: Message): void {
    const session = request.headers['mcp-session-id'];
    const stream = this.#sse.get(new URL(request.url ?? '/', 'http://replica').searchParams.get('s') ?? '');
    const isUnknown = typeof session === 'string' && !this.#sessions.has(session);
    if (isUnknown || (request.url?.startsWith('/messages') && !stream)) {
      response.writeHead(404).end();
      return;
    }
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const fault = this.#isWork(message) ? this.#plan.take() : null;
    if (this.#isWork(message)) this.#plan.ran();
    if (fault && !stream) return this.break(fault, response);
    if (stream) response.writeHead(202).end();
    if (fault && stream) return this.break(fault, stream);
    const answer = event({ jsonrpc: '2.0', id: message.id, ...this.#answer(message, response) });
    if (stream?.writableEnded) return;
    if (stream) stream.write(answer);
    else if (message.method === 'subscriptions/listen') this.#listens(response, message);
    else {
      sse(response, answer);
      response.end();
    }
  }

  #isWork({ method, params }: Message): boolean {
    return (
      method === 'tasks/get' || method === 'tasks/update' || (method === 'tools/call' && params?.name !== 'create')
    );
  }

  #listens(response: ServerResponse, { id }: Message): void {
    const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
    const method = 'notifications/subscriptions/acknowledged';
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    sse(response, event({ jsonrpc: '2.0', method, params: { notifications: { toolsListChanged: true }, _meta } }));
  }

  #answer({ method, params }: Message, response: ServerResponse): object {
    const result = (value: object): object => ({ result: { resultType: 'complete', ...value } });
    switch (method) {
      case 'initialize': {
        const id = `${this.name}-${++this.#made}`;
        if (!this.#plan.isStateless) this.#sessions.add(id);
        if (!this.#plan.isStateless && !response.headersSent) response.setHeader('mcp-session-id', id);
        const serverInfo = { name: 'faulty', version: '1' };
        return result({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo });
      }
      case 'tools/list':
        return result({ tools: TOOLS });
      case 'tools/call': {
        if (params?.name !== 'create') return result({ content: [], by: this.name });
        const taskId = `${this.name}-task-${++this.#made}`;
        this.#tasks.add(taskId);
        return { result: { resultType: 'task', taskId, status: 'working' } };
      }
      case 'tasks/get':
      case 'tasks/update':
        return this.#tasks.has(params?.taskId ?? '')
          ? result({ taskId: params?.taskId, by: this.name })
          : { error: { code: -32602, message: 'Unknown task' } };
      default:
        return result({});
    }
  }
}
