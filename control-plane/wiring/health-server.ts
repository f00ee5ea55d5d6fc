import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { httpStatusOf, runChecks, type HealthCheck } from '../../proto/health/run-checks.ts';
import { readAddress } from '../config/address.ts';

export interface HealthServerOptions {
  /** Asked for each time: servers come and go. */
  checks: () => readonly HealthCheck[];
  /** Whether gateways can be served now. */
  isReady: () => boolean;
  registry: Registry;
  /** Other requests: the admin API. True when it has taken one. */
  handle?: (request: IncomingMessage, response: ServerResponse) => boolean;
  checkTimeoutMs?: number;
}

/** /health, /readyz, /metrics, and whatever `handle` takes. */
export function startHealthServer(
  address: string,
  options: HealthServerOptions,
): Promise<{ server: Server; port: number }> {
  const { checks, isReady, registry, handle, checkTimeoutMs = 2000 } = options;
  const json = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (handle?.(request, response)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD')
      json(response, 405, { error: `${request.method} is not for ${path}` });
    else if (path === '/health')
      void runChecks(checks(), checkTimeoutMs).then((health) => json(response, httpStatusOf(health), health));
    else if (path === '/readyz') json(response, isReady() ? 200 : 503, { ready: isReady() });
    else if (path === '/metrics')
      void registry
        .metrics()
        .then((text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text));
    else json(response, 404, { error: `there is no ${path} here` });
  });
  const { host, port } = readAddress(address)!;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}
