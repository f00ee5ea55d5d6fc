import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { ProbeTls } from './probe-target.ts';

export interface Request { method: 'GET' | 'POST' | 'DELETE'; path: string; headers: Record<string, string>; body?: string; signal: AbortSignal }
/** An answer whose body comes in pieces; `discard` leaves the rest unread. */
export interface Reply { status: number; headers: Record<string, string | string[] | undefined>; body: AsyncIterable<Buffer>; discard(): void }
export interface Connection { send(request: Request): Promise<Reply>; close(): Promise<void> }

/** The only place that opens connections for probes. Each replica keeps one alive, so that a ping costs no handshake. */
export function connect(address: string, tls: ProbeTls | null, timeoutMs: number): Connection {
  const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  const secure = tls && { ca: pem(tls.caFile), cert: pem(tls.certificateFile), key: pem(tls.keyFile), servername: tls.serverName };
  // No time limits of undici's own: every request carries a signal that ends it, its body included.
  const agent = new Agent({ connections: 2, pipelining: 1, keepAliveTimeout: 4000, headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 32 << 10, connect: { timeout: timeoutMs, ...secure } });
  return {
    async send({ method, path, headers, body, signal }) {
      const answer = await request(`${tls ? 'https' : 'http'}://${address}${path}`, { method, headers, body: body ?? null, signal, dispatcher: agent });
      answer.body.on('error', () => { /* an abandoned body says that it was aborted */ });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body, discard: () => { answer.body.destroy(); } };
    },
    close: () => agent.destroy(),
  };
}

const GONE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT']);

/** What a failed exchange means for the replica: nobody there, or somebody who does not answer. */
export function sendFailure(error: unknown): { kind: 'refused' | 'silent'; detail: string } {
  const { code, cause, message } = error as { code?: string; cause?: { code?: string }; message?: string };
  const name = code ?? cause?.code ?? '';
  if (GONE.has(name)) return { kind: 'refused', detail: `connection failed: ${name}` };
  const isTimeout = error instanceof DOMException || name === 'UND_ERR_CONNECT_TIMEOUT' || name === 'UND_ERR_ABORTED';
  return { kind: 'silent', detail: isTimeout ? 'no answer in time' : `no answer: ${name || message || 'unknown'}` };
}
