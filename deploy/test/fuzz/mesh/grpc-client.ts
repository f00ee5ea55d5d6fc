import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { ANSWER_WITHIN_MS } from './limits.ts';

/** gRPC calls with any bytes as messages, over one HTTP/2 connection that is made again when it was closed. */
export class GrpcClient {
  readonly #open: () => ReturnType<typeof connect>;
  #session: ClientHttp2Session | undefined;

  constructor(to: { path: string } | { port: number }) {
    this.#open = () => ('path' in to ? connect(to.path) : connect(to.port, '127.0.0.1'));
  }

  /** Sends the bytes as the body of one call, ends it, and says when nothing came back in time. */
  call(path: string, body: Buffer, headers: Record<string, string> = {}): Promise<string | null> {
    const session = this.#connected();
    return new Promise((resolve) => {
      let isOver = false;
      const finish = (problem: string | null): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        resolve(problem);
      };
      const timer = setTimeout(() => {
        stream.close();
        finish(session.destroyed ? null : `no answer to ${path}`);
      }, ANSWER_WITHIN_MS);
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream.on('data', () => undefined);
      stream.once('response', () => finish(null));
      stream.once('close', () => finish(null));
      stream.once('error', (error: NodeJS.ErrnoException) =>
        finish(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? `nobody listens: ${error.code}` : null),
      );
      stream.end(body);
    });
  }

  close(): void {
    this.#session?.destroy();
  }

  #connected(): ClientHttp2Session {
    if (this.#session && !this.#session.destroyed && !this.#session.closed) return this.#session;
    const session = connectHttp2('http://localhost', { createConnection: this.#open });
    session.on('error', () => session.destroy());
    session.once('goaway', () => session.close());
    this.#session = session;
    return session;
  }
}

/** One message behind its gRPC head: not compressed, and its length. */
export function grpcFrame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
