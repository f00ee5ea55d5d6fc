import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { listenOn } from '../../../deploy/test/mesh/listen-on.ts';

/**
 * For tests: a replica of an official server (legacy era). It can be killed, brought back on its port, and asked how
 * many sessions it holds.
 */
export class SdkReplica {
  readonly sessions = new Map<string, StreamableHTTPServerTransport>();
  readonly tools: string[];
  /** Sessions that were ever begun. */
  begun = 0;
  /** Requests that came while it was frozen. */
  held = 0;
  /** Answers nothing while true. */
  isHanging = false;
  /** HTTP status answered to everything while set. */
  failsWith: number | null = null;
  readonly #isJson: boolean;
  #frozen: PromiseWithResolvers<void> | null = null;
  #http: Server | null = null;
  #port = 0;

  constructor(tools: string[] = ['echo'], isJson = false) {
    this.tools = tools;
    this.#isJson = isJson;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** As a stopped process: what comes is answered when it goes on, and not before. */
  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  goOn(): void {
    this.#frozen?.resolve();
    this.#frozen = null;
  }

  async start(): Promise<this> {
    this.#http = createServer((request, response) => {
      if (this.isHanging) return;
      if (this.failsWith !== null) {
        response.writeHead(this.failsWith).end();
        return;
      }
      void this.#answer(request, response);
    });
    this.#port = await listenOn(this.#http, this.#port);
    return this;
  }

  /** As a killed process: connections are cut, sessions are gone. */
  async kill(): Promise<void> {
    this.#http?.closeAllConnections();
    await new Promise<void>((resolve) => {
      if (this.#http)
        this.#http.close(() => {
          resolve();
        });
      else resolve();
    });
    this.#http = null;
    this.sessions.clear();
  }

  async #answer(
    request: Parameters<StreamableHTTPServerTransport['handleRequest']>[0],
    response: Parameters<StreamableHTTPServerTransport['handleRequest']>[1],
  ): Promise<void> {
    if (this.#frozen) {
      this.held++;
      await this.#frozen.promise;
    }
    const id = request.headers['mcp-session-id'];
    if (typeof id === 'string') {
      const known = this.sessions.get(id);
      if (known) await known.handleRequest(request, response);
      else
        response
          .writeHead(404, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}');
      return;
    }
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: this.#isJson,
      onsessioninitialized: (sessionId) => {
        this.begun++;
        this.sessions.set(sessionId, transport);
      },
      onsessionclosed: (sessionId) => {
        this.sessions.delete(sessionId);
      },
    });
    const server = new McpServer({ name: 'sdk-replica', version: '1' });
    for (const name of this.tools)
      server.registerTool(name, { description: `The tool ${name}` }, () => ({
        content: [{ type: 'text', text: name }],
      }));
    await server.connect(transport as never);
    await transport.handleRequest(request, response);
  }
}
