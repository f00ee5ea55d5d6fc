import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerDefinition } from './definition.ts';
import type { Endpoint } from './endpoint.ts';
import { readFault } from './faults.ts';
import type { Fault } from './faults.ts';
import { json, rpcFailure } from './http-answer.ts';
import { Ledger } from './ledger.ts';
import { refuseForeign } from './localhost-only.ts';
import type { ServerOptions } from './options.ts';
import type { Replica } from './replica.ts';
import { v1Endpoint } from './v1-endpoint.ts';

export interface Host {
  port: number;
  replica: Replica;
  /** Ends what runs within `graceMs`, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

/** Listens with one example server on SDK v1. */
export function startHost<S>(
  definition: ServerDefinition<S>,
  options: ServerOptions,
  now: () => number = Date.now,
  random: () => number = Math.random,
): Promise<Host> {
  return serveEndpoint((replica) => v1Endpoint(definition, options, replica, now), options, now, random);
}

/** Listens: `/health`, `/__stats`, `/__fault`, and whatever the endpoint serves. */
export async function serveEndpoint(
  open: (replica: Replica) => Endpoint,
  options: ServerOptions,
  now: () => number = Date.now,
  random: () => number = Math.random,
): Promise<Host> {
  const replica: Replica = {
    name: options.name,
    port: 0,
    startedAtMs: now(),
    ledger: new Ledger(options.ledger, options.name),
    counters: { requests: 0, initializes: 0, deletes: 0, unknownSessions: 0, reaped: 0, refused: 0 },
    failsTool: () => random() < options.toolErrorRate,
    updated() {},
    listChanged() {},
  };
  const endpoint = open(replica);
  let fault: Fault | null = null;

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    switch (url.pathname) {
      case '/health':
        return json(response, 200, { status: 'ok', name: replica.name, sessions: endpoint.sessionCount() });
      case '/__stats':
        return json(response, 200, {
          name: replica.name,
          pid: process.pid,
          sessions: endpoint.sessionCount(),
          ...replica.counters,
        });
      case '/__fault':
        return orderFault(url, response);
    }
    if (url.pathname === options.path) {
      replica.counters.requests += 1;
      if (isFaulty(request, response)) return;
      if (options.isLocalhostOnly && refuseForeign(request, response)) return;
    }
    const handled = endpoint.handle(request, response, url);
    return (
      handled ?? rpcFailure(response, 404, -32000, `No such path: ${url.pathname}; MCP is served at ${options.path}`)
    );
  }

  function orderFault(url: URL, response: ServerResponse): void {
    const read = readFault(url.searchParams);
    if (typeof read === 'string') return json(response, 400, { error: read });
    fault = read;
    json(response, 200, { fault });
  }

  /** Answers, or holds, the request when a test ordered a fault. */
  function isFaulty(request: IncomingMessage, response: ServerResponse): boolean {
    if (!fault || (fault.method !== null && fault.method !== request.method)) return false;
    const { status, nonsense, retryAfterSeconds } = fault;
    fault.remaining -= 1;
    if (fault.remaining === 0) fault = null;
    if (nonsense)
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(
          nonsense === 'garbage'
            ? 'data: <html>this is no answer\n\n'
            : 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"and then nothing"}}\n\n',
        );
    else if (status !== null)
      rpcFailure(
        response,
        status,
        -32000,
        'A fault was ordered by a test',
        retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) },
      );
    return true;
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    route(request, response).catch((error: unknown) => {
      if (!response.headersSent)
        rpcFailure(response, 500, -32603, error instanceof Error ? error.message : String(error));
      else response.destroy();
    });
  };
  const { tls } = options;
  const http = tls
    ? createTlsServer({ cert: readFileSync(tls.certificateFile), key: readFileSync(tls.keyFile) }, onRequest)
    : createServer(onRequest);
  // Longer than the idle time of any gateway's connection pool, so that this side is never the one that closes first.
  http.keepAliveTimeout = 620_000;
  replica.port = await listen(http, options);
  const reaper = setInterval(() => void endpoint.reap(), Math.min(options.sessionTtlMs, 60_000)).unref();

  return {
    port: replica.port,
    replica,
    async close(graceMs) {
      clearInterval(reaper);
      const closed = new Promise<void>((resolve) => {
        http.close(() => resolve());
      });
      // A connection becomes idle when its call ends, and nothing but asking again would close it then.
      const idle = setInterval(() => http.closeIdleConnections(), 20);
      endpoint.endStreams();
      await Promise.race([closed, sleep(graceMs, undefined, { ref: false })]);
      clearInterval(idle);
      await endpoint.close();
      http.closeAllConnections();
    },
  };
}

function listen(http: HttpServer, { port, host }: ServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => resolve((http.address() as AddressInfo).port));
  });
}
