import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a stub saw of a request. */
export interface Echo {
  at: string;
  method: string;
  path: string;
  bytes: number;
  headers: IncomingHttpHeaders;
}

/**
 * For tests: an upstream that answers what it saw, as JSON. Upstream session ids steer it: `forgotten` gets 404, `cut` has its connection closed
 * before an answer, `slow` is never answered,  `ticks` gets an event every 20 ms for as long as it lasts,
 * `scalars` one event for each kind of JSON that is no object. `x-answer-bytes` asks for an answer of that size.
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
    this.#server = createServer((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const echo: Echo = { at: this.name, method, path: url, bytes, headers };
        this.seen.push(echo);
        const session = headers['mcp-session-id'];
        if (this.#answersOdd(session, request, response)) return;
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(session === undefined ? {} : { 'mcp-session-id': session }),
        });
        response.end(JSON.stringify({ ...echo, filler: 'x'.repeat(Number(headers['x-answer-bytes'] ?? 0)) }));
      });
    });
    this.#server.on('upgrade', (_request, socket) => {
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-at: ${this.name}\r\n\r\nhello`,
      );
    });
    await new Promise<void>((resolve) => {
      this.#server!.listen(port, '127.0.0.1', resolve);
    });
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a session id, or the test, asks for instead of an echo. */
  #answersOdd(session: unknown, request: IncomingMessage, response: ServerResponse): boolean {
    if (this.challenge !== null) response.writeHead(401, { 'www-authenticate': this.challenge }).end('{}');
    else if (this.name === 'relay') return false;
    else if (session === 'forgotten') response.writeHead(404).end();
    else if (session === 'cut') request.socket.destroy();
    else if (session === 'ticks') this.#tick(response);
    else if (session === 'scalars')
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(['0', '"x"', 'true', 'false', 'null', '[]', '{', ''].map((data) => `data: ${data}\n\n`).join(''));
    else return session === 'slow';
    return true;
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
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server ? this.#server.close(() => resolve()) : resolve();
    });
    this.#server = null;
  }
}
