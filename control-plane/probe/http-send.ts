import { Agent, buildConnector, request } from 'undici';
import { replicaTlsOptions } from '../../proto/tls/replica-tls.ts';
import type { ProbeTls } from './probe-target.ts';

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}
/** An answer whose body comes in pieces; `discard` leaves the rest unread. */
export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: AsyncIterable<Buffer>;
  discard(): void;
}
export interface Connection {
  send(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

/** The only place that opens connections for probes. Each replica keeps one alive, so that a ping costs no handshake. */
export function connect(address: string, tls: ProbeTls | null, timeoutMs: number): Connection {
  const connector = buildConnector({ timeout: timeoutMs, ...(tls && replicaTlsOptions(tls)) });
  const servername = tls?.serverName;
  // No time limits of undici's own: every request carries a signal that ends it, its body included.
  const agent = new Agent({
    connections: 2,
    pipelining: 1,
    keepAliveTimeout: 4000,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 32 << 10,
    // undici would ask for the name in the Host header.
    connect:
      servername === undefined
        ? connector
        : (options, callback) => {
            connector({ ...options, servername }, callback);
          },
  });
  return {
    async send({ method, path, headers, body, signal }) {
      const answer = await request(`${tls ? 'https' : 'http'}://${address}${path}`, {
        method,
        headers,
        body: body ?? null,
        signal,
        dispatcher: agent,
      });
      answer.body.on('error', () => {
        /* an abandoned body says that it was aborted */
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: answer.body,
        discard: () => {
          answer.body.destroy();
        },
      };
    },
    close: () => agent.destroy(),
  };
}

export const NO_ANSWER = 'no answer in time';

const GONE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'EHOSTUNREACH', 'ENETUNREACH']);

/** What is wrong with a replica's TLS, in an operator's words. */
const TLS_WORDS: ReadonlyArray<[RegExp, string]> = [
  [
    /^(UNABLE_TO_(VERIFY|GET)|SELF_SIGNED|DEPTH_ZERO|CERT_SIGNATURE|INVALID_CA|CERT_UNTRUSTED)/,
    'its certificate is of no authority in tls.caFile (without one: of none that this machine trusts)',
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name than tls.serverName'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [/^(ERR_SSL_|EPROTO)/, 'TLS with it fails'],
];

/** What a failed exchange means for the replica: nobody there, or somebody who does not answer. */
export function sendFailure(error: unknown): { kind: 'refused' | 'silent'; detail: string } {
  const { code, cause, message } = (error ?? {}) as { code?: string; cause?: { code?: string }; message?: string };
  const name = code ?? cause?.code ?? '';
  const tls = TLS_WORDS.find(([codes]) => codes.test(name));
  if (tls) return { kind: 'silent', detail: `${tls[1]}: ${name}` };
  if (name === 'ENOENT' || name === 'EACCES')
    return { kind: 'silent', detail: `a file of its tls settings or its token can’t be read: ${message}` };
  if (GONE.has(name)) return { kind: 'refused', detail: `connection failed: ${name}` };
  const isTimeout = error instanceof DOMException || name === 'UND_ERR_CONNECT_TIMEOUT' || name === 'UND_ERR_ABORTED';
  return { kind: 'silent', detail: isTimeout ? NO_ANSWER : `no answer: ${name || message || 'unknown'}` };
}
