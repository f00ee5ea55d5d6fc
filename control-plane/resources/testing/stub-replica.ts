import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { listenOn } from '../../../deploy/test/mesh/listen-on.ts';

/** What a stub saw of a request. */
export interface Echo {
  at: string;
  method: string;
  path: string;
  bytes: number;
  headers: IncomingHttpHeaders;
}

/**
 * For tests: an upstream that answers what it saw, as JSON. Upstream session ids, or else `x-special`, steer it.
 * `forgotten` gets 404, `cut` has its connection closed before an answer, and `slow` is never answered. `cut at NAME`
 * and `slow at NAME` are so by that stub alone. `ticks` gets an event every 20 ms for as long as it lasts, `scalars`
 * one event for each kind of JSON that is no object. `x-answer-bytes` asks for an answer of that size.
 */
export class StubReplica {
  readonly name: string;
  readonly seen: Echo[] = [];
  /** Every answer is a 401 with this, when it is set. */
  challenge: string | null = null;
  #server: Server | null = null;

  constructor(name: string) {
    this.name = name;
  }

  async start(port = 0): Promise<string> {
    const server = createServer((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const echo: Echo = { at: this.name, method, path: url, bytes, headers };
        this.seen.push(echo);
        const special = this.#special(headers['mcp-session-id'] ?? headers['x-special']);
        if (special) special(request, response);
        else answer(echo, response);
      });
    });
    this.#server = server;
    server.on('upgrade', (_request, socket) => {
      // A socket that nobody reads never ends, and the server would wait for it.
      socket.on('error', () => socket.destroy()).resume();
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-at: ${this.name}\r\n\r\nhello`,
      );
    });
    return `127.0.0.1:${await listenOn(server, port)}`;
  }

  /** What the test, or the upstream session id, asks for in place of an echo. */
  #special(session: string | string[] | undefined): Answer | undefined {
    const { challenge } = this;
    if (challenge !== null)
      return (_, response) => response.writeHead(401, { 'www-authenticate': challenge }).end('{}');
    if (this.name === 'relay') return undefined;
    switch (session) {
      case 'forgotten':
        return (_, response) => response.writeHead(404).end();
      case 'cut':
      case `cut at ${this.name}`:
        return (request) => request.socket.destroy();
      case 'slow':
      case `slow at ${this.name}`:
        return () => {};
      case 'ticks':
        return (_, response) => this.#tick(response);
      case 'scalars':
        return (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(SCALARS);
      default:
        return undefined;
    }
  }

  #tick(response: ServerResponse): void {
    let count = 0;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => {
      response.write(`data: {"tick":${count++}}\n\n`);
    }, 20);
    response.on('close', () => {
      clearInterval(timer);
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** One event for each kind of JSON that is no object. */
const SCALARS = ['0', '"x"', 'true', 'false', 'null', '[]', '{', ''].map((data) => `data: ${data}\n\n`).join('');

function answer(echo: Echo, response: ServerResponse): void {
  const session = echo.headers['mcp-session-id'];
  response.writeHead(200, {
    // As a server does that means harm to what stands before it.
    ...(session === 'harm' && { 'x-envoy-immediate-health-check-fail': 'true' }),
    'content-type': 'application/json',
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
  });
  response.end(JSON.stringify({ ...echo, filler: 'x'.repeat(Number(echo.headers['x-answer-bytes'] ?? 0)) }));
}
