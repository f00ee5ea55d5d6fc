import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { detach } from '../detach.ts';
import { keepPlaces } from './connection-places.ts';
import { checkControlRequest, type ControlPort } from './control-request.ts';

export interface ControlServerOptions extends ControlPort {
  /** Answers a request that passed `checkControlRequest`. What it throws or rejects with is answered 500. */
  handle: (request: IncomingMessage, response: ServerResponse, url: URL) => unknown;
  onError: (error: unknown) => void;
}

/** A request must be here as a whole within this time. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 << 10;
/** Operators, scrapers and probes; more is somebody else. */
const MAX_CONNECTIONS = 512;

/** The HTTP server of a control port: one rule about who may ask on every route, and one boundary around whatever answers. */
export function controlServer({ handle, onError, ...port }: ControlServerOptions): Server {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
    (request, response) => {
      const failed = (error: unknown): void => {
        onError(error);
        if (response.headersSent) response.destroy();
        else sendJson(response, 500, problem('internal', 'something unexpected happened; the log has it'));
      };
      detach(() => {
        const { method = 'GET', url: target = '', headers } = request;
        const hosts = request.headersDistinct['host']?.length ?? 0;
        const verdict = checkControlRequest({ method, target, headers, hosts }, port);
        if ('url' in verdict) return handle(request, response, verdict.url);
        const code = verdict.status === 403 ? 'forbidden' : 'bad-request';
        return sendJson(response, verdict.status, problem(code, verdict.message));
      }, failed);
    },
  );
  keepPlaces(server, MAX_CONNECTIONS);
  return server;
}

const problem = (code: string, message: string): object => ({ error: { code, message } });

/** A JSON answer that nobody caches and no browser takes for anything else. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    .end(JSON.stringify(body));
}
