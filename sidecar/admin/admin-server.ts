import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpStatusOf, runChecks, type HealthCheck, type HealthReport } from '../../proto/health/run-checks.ts';

export interface AdminOptions {
  host: string;
  port: number;
  checks: () => readonly HealthCheck[];
  /** Whether requests can be decided on now. */
  isReady: () => boolean;
  /** Sends balancers and neighbours elsewhere while everything here goes on. Asked for by `POST /drain` from this machine alone. */
  drain?: () => Promise<void>;
  renderMetrics: (accept: string | undefined) => Promise<{ contentType: string; body: string }>;
  /** Each check that ran, by whatever asked for it. */
  onCheck?: (name: string, isHealthy: boolean, durationMs: number) => void;
  /** How often checks run by themselves (HA_HEALTH_CHECK_INTERVAL). */
  everyMs: number;
}

/** One check may take this long (R5). */
const CHECK_TIMEOUT_MS = 2000;
/** Balancers of many edges ask at once: checks are not run again for each. */
const REUSE_MS = 250;

/** The sidecar's admin port: `/health`, `/readyz`, `/metrics`, `POST /drain`. `health` is what the relay answers on the public port as well. */
export class Admin {
  readonly #options: AdminOptions;
  readonly #server: Server;
  #timer: NodeJS.Timeout | undefined;
  #last: { atMs: number; report: Promise<HealthReport> } | undefined;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?')[0];
      if (path === '/drain' && request.method === 'POST') this.#drain(request.socket.remoteAddress ?? '', response);
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        json(response, 405, { error: `${request.method} is not for ${path}` }, { allow: 'GET, HEAD' });
      else if (path === '/health') void this.health().then((report) => json(response, httpStatusOf(report), report));
      else if (path === '/readyz') json(response, options.isReady() ? 200 : 503, { ready: options.isReady() });
      else if (path === '/metrics') {
        options.renderMetrics(request.headers.accept).then(
          ({ contentType, body }) => response.writeHead(200, { 'content-type': contentType }).end(body),
          (error: Error) => json(response, 500, { error: `metrics can't be rendered: ${error.message}` }),
        );
      } else json(response, 404, { error: `there is no ${path} here; /health, /readyz and /metrics are` });
    });
  }

  #drain(from: string, response: ServerResponse): void {
    if (!/^(::ffff:)?127\.|^::1$/.test(from))
      json(response, 403, { error: 'a node is drained from its own machine, or with `holdfast drain --gateway`' });
    else void (this.#options.drain?.() ?? Promise.resolve()).then(() => json(response, 202, { draining: true }));
  }

  start(): Promise<number> {
    const round = (): void => {
      void this.health();
      this.#timer = setTimeout(round, this.#options.everyMs);
    };
    this.#timer = setTimeout(round, this.#options.everyMs);
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () =>
        resolve((this.#server.address() as AddressInfo).port),
      );
    });
  }

  health(): Promise<HealthReport> {
    const nowMs = performance.now();
    if (this.#last && nowMs - this.#last.atMs < REUSE_MS) return this.#last.report;
    const report = runChecks(this.#options.checks(), CHECK_TIMEOUT_MS).then((done) => {
      for (const { name, healthy, responseTimeMs } of done.checks)
        this.#options.onCheck?.(name, healthy, responseTimeMs);
      return done;
    });
    this.#last = { atMs: nowMs, report };
    return report;
  }

  close(): Promise<void> {
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
