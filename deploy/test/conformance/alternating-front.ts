import { Agent, createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Front {
  origin: string /** Requests sent to each origin. */;
  sent: readonly number[];
  close(): Promise<void>;
}

/**
 * A balancer without stickiness for clients that know one URL only: each request goes to the next origin. Headers pass as they are,
 * in order and spelling; an end on one side ends the other.
 */
export async function startAlternatingFront(origins: readonly string[]): Promise<Front> {
  const targets = origins.map((origin) => new URL(origin));
  const sent = targets.map(() => 0);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  let turn = 0;
  const server = createServer((request, response) => {
    const index = turn++ % targets.length;
    sent[index]! += 1;
    forward(request, response, targets[index]!, agent);
  });
  // Streams stay open for as long as they like.
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          agent.destroy();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function forward(request: IncomingMessage, response: ServerResponse, { hostname, port }: URL, agent: Agent): void {
  const upstream = httpRequest({
    hostname,
    port,
    agent,
    method: request.method,
    path: request.url,
    headers: request.rawHeaders,
    setHost: false,
  });
  upstream.on('response', (answer) => {
    response.sendDate = false;
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    response.flushHeaders();
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => {
    if (!response.writableFinished) upstream.destroy();
  });
  request.pipe(upstream);
}
