import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a request goes next, and what is added to it. */
export interface FrontTarget {
  port: number;
  headers: Record<string, string>;
}

/** What stands before the relays of a run in place of Envoy, for clients that know one URL: it names the server, and passes bytes. */
export class Front {
  readonly #server: Server;
  readonly #target: () => FrontTarget;

  constructor(target: () => FrontTarget) {
    this.#target = target;
    this.#server = createServer((incoming, response) => this.#pass(incoming, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { port, headers } = this.#target();
    const { method, url: path } = incoming;
    // A connection for each: one that was kept may be closed at the relay's end just now.
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: false,
      headers: { ...incoming.headers, ...headers },
    };
    const sent = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy()).pipe(response);
    });
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    incoming.pipe(sent);
  }
}
