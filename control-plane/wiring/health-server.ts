import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { httpStatusOf, runChecks, type HealthCheck } from '../../proto/health/run-checks.ts';
import { controlServer, sendJson } from '../../proto/http/control-server.ts';
import { readAddress } from '../config/address.ts';

export interface HealthServerOptions {
  /** Asked for each time: servers come and go. */
  checks: () => readonly HealthCheck[];
  /** Whether gateways can be served now. */
  isReady: () => boolean;
  registry: Registry;
  /** Other requests: the admin API. Undefined when it does not take one; else what ends when it is answered. */
  handle?: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<unknown> | undefined;
  onError: (error: unknown) => void;
  /** Hosts, beside addresses and private names, by which the port is reached. */
  names?: readonly string[];
  checkTimeoutMs?: number;
}

/** /health, /readyz, /metrics, and whatever `handle` takes. */
export function startHealthServer(
  address: string,
  options: HealthServerOptions,
): Promise<{ server: Server; port: number }> {
  const { checks, isReady, registry, handle, onError, names = [], checkTimeoutMs = 2000 } = options;
  const server = controlServer({
    onError,
    names,
    hasPage: true,
    async handle(request, response, url) {
      const path = url.pathname;
      const answered = handle?.(request, response, url);
      if (answered) return answered;
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return sendJson(response, 405, { error: `${request.method} is not for ${path}` }, { allow: 'GET, HEAD' });
      if (path === '/health') {
        const health = await runChecks(checks(), checkTimeoutMs);
        return sendJson(response, httpStatusOf(health), health);
      }
      if (path === '/readyz') return sendJson(response, isReady() ? 200 : 503, { ready: isReady() });
      if (path !== '/metrics') return sendJson(response, 404, { error: `there is no ${path} here` });
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    },
  });
  const { host, port } = readAddress(address) ?? { host: '', port: -1 };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}
