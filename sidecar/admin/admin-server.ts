import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { detach } from '../../proto/detach.ts';
import { httpStatusOf, runChecks, type HealthCheck, type HealthReport } from '../../proto/health/run-checks.ts';
import { controlServer, sendJson } from '../../proto/http/control-server.ts';
import { showsToken } from './drain-token.ts';

export interface AdminOptions {
  host: string;
  port: number;
  checks: () => readonly HealthCheck[];
  /** Why requests can't be decided on now; null when they can. */
  unreadyReason: () => string | null;
  /** Sends balancers and neighbours elsewhere while everything here goes on. Asked for by `POST /drain`. */
  drain?: () => Promise<void>;
  /** Who asks for a drain must show it; null: nobody can ask here. */
  drainToken: string | null;
  onError: (error: unknown) => void;
  renderMetrics: (accept: string | undefined) => Promise<{ contentType: string; body: string }>;
  /** Each check that ran, by whatever asked for it. */
  onCheck?: (name: string, isHealthy: boolean, durationMs: number) => void;
  /** How often checks run by themselves (HA_HEALTH_CHECK_INTERVAL). */
  everyMs: number;
}

/** One check may take this long. */
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
    this.#server = controlServer({
      onError: options.onError,
      handle: (request, response, url) => this.#answer(request, response, url.pathname),
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (path === '/drain' && request.method === 'POST') return this.#drain(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return sendJson(response, 405, { error: `${request.method} is not for ${path}` }, { allow: 'GET, HEAD' });
    if (path === '/health') {
      const report = await this.health();
      return sendJson(response, httpStatusOf(report), report);
    }
    if (path === '/readyz') {
      const reason = this.#options.unreadyReason();
      return sendJson(response, reason === null ? 200 : 503, {
        ready: reason === null,
        ...(reason !== null && { reason }),
      });
    }
    if (path !== '/metrics')
      return sendJson(response, 404, { error: `there is no ${path} here; /health, /readyz and /metrics are` });
    const { contentType, body } = await this.#options.renderMetrics(request.headers.accept);
    response.writeHead(200, { 'content-type': contentType }).end(body);
  }

  async #drain({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { drainToken, drain } = this.#options;
    if (drainToken === null || !showsToken(headers.authorization, drainToken))
      return sendJson(response, 403, {
        error:
          'draining needs `Authorization: Bearer` with the content of the .drain-token file beside the ext_proc socket; `holdfast drain --gateway` works from anywhere',
      });
    await drain?.();
    sendJson(response, 202, { draining: true });
  }

  start(): Promise<number> {
    const round = (): void => {
      detach(() => this.health(), this.#options.onError);
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
