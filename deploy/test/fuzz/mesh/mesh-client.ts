import { Agent, request, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ANSWER_WITHIN_MS, sourceOf } from './limits.ts';

export interface FuzzAnswer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** How much longer than allowed is waited, so that a late answer is told from none. */
const TIMEOUT_MS = 4000;

/** HTTP requests of one worker over connections that are kept, from an address of its own. */
export class MeshClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #from: string;

  constructor(worker: number) {
    this.#from = sourceOf(worker);
  }

  /** The answer, or what was wrong with it. An event stream is an answer as soon as its head is there. */
  send(
    url: string,
    options: { method: string; headers: OutgoingHttpHeaders; body?: Buffer; withinMs?: number },
  ): Promise<FuzzAnswer | string> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      let isOver = false;
      const finish = (result: FuzzAnswer | string): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        const tookMs = performance.now() - startedAt;
        const isLate = typeof result !== 'string' && tookMs > (options.withinMs ?? ANSWER_WITHIN_MS);
        resolve(isLate ? `answered after ${Math.round(tookMs)} ms` : result);
      };
      const timer = setTimeout(() => {
        sent.destroy();
        finish(`no answer within ${TIMEOUT_MS} ms`);
      }, TIMEOUT_MS);
      const sent = request(url, {
        method: options.method,
        agent: this.#agent,
        localAddress: this.#from,
        headers: options.headers,
      });
      sent.once('error', (error: NodeJS.ErrnoException) =>
        // A connection that is refused has nobody behind it; one that is reset was answered, roughly.
        finish(error.code === 'ECONNREFUSED' ? 'connection refused' : { status: 0, headers: {}, body: '' }),
      );
      sent.once('response', (response) => {
        const { statusCode: status = 0, headers } = response;
        if (headers['content-type']?.includes('event-stream') === true) {
          finish({ status, headers, body: '' });
          sent.destroy();
          return;
        }
        const chunks: Buffer[] = [];
        const end = (): void => finish({ status, headers, body: Buffer.concat(chunks).toString('utf8') });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', end).once('error', end);
      });
      sent.end(options.body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Bytes on a connection of their own: it must answer or end within the time, at the latest once our side has ended. */
export function sendBytes(
  to: { path: string } | { port: number },
  bytes: Buffer,
  from?: string,
): Promise<string | null> {
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (problem: string | null): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(half);
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const socket: Socket =
      'path' in to
        ? connect(to.path)
        : connect({ port: to.port, host: '127.0.0.1', ...(from !== undefined && { localAddress: from }) });
    // What is incomplete is waited for, until it can't come any more.
    const half = setTimeout(() => socket.end(), 100);
    const timer = setTimeout(() => finish('neither an answer nor an end'), 100 + ANSWER_WITHIN_MS);
    socket.once('connect', () => socket.write(bytes));
    socket.on('data', () => undefined);
    socket.once('close', () => finish(null));
    socket.once('end', () => finish(null));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? `nobody listens: ${error.code}` : null),
    );
  });
}
