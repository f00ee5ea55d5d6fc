import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { readAddress } from '../config/address.ts';

export interface HealthCheck { name: string; check: () => Promise<CheckResult> | CheckResult }
export interface CheckResult { healthy: boolean; details?: Record<string, unknown>; error?: string }

export interface HealthServerOptions {
  checks: readonly HealthCheck[];
  /** Whether gateways can be served now. */
  isReady: () => boolean;
  registry: Registry;
  /** Other requests: the admin API. True when it has taken one. */
  handle?: (request: IncomingMessage, response: ServerResponse) => boolean;
  checkTimeoutMs?: number;
}

/** Runs all checks side by side: a hanging one costs its timeout, not the others' answers. */
export async function runChecks(checks: readonly HealthCheck[], timeoutMs: number): Promise<{ status: 'healthy' | 'unhealthy'; timestamp: string; checks: object[] }> {
  const results = await Promise.all(checks.map(async ({ name, check }) => {
    const startedMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<CheckResult>((resolve) => { timer = setTimeout(() => resolve({ healthy: false, error: `no answer within ${timeoutMs} ms` }), timeoutMs); });
    const result = await Promise.race([Promise.resolve().then(check).catch((error: Error): CheckResult => ({ healthy: false, error: error.message })), late]);
    clearTimeout(timer);
    return { name, healthy: result.healthy, responseTimeMs: Math.round(performance.now() - startedMs), details: result.details ?? {}, error: result.error ?? null };
  }));
  return { status: results.every((each) => each.healthy) ? 'healthy' : 'unhealthy', timestamp: new Date().toISOString(), checks: results };
}

/** /health, /readyz, /metrics, and whatever `handle` takes. */
export function startHealthServer(address: string, options: HealthServerOptions): Promise<{ server: Server; port: number }> {
  const { checks, isReady, registry, handle, checkTimeoutMs = 2000 } = options;
  const json = (response: ServerResponse, status: number, body: object) => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)); };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (handle?.(request, response)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD') json(response, 405, { error: `${request.method} is not for ${path}` });
    else if (path === '/health') void runChecks(checks, checkTimeoutMs).then((health) => json(response, health.status === 'healthy' ? 200 : 503, health));
    else if (path === '/readyz') json(response, isReady() ? 200 : 503, { ready: isReady() });
    else if (path === '/metrics') void registry.metrics().then((text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text));
    else json(response, 404, { error: `there is no ${path} here` });
  });
  const { host, port } = readAddress(address)!;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}
