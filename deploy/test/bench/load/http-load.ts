import { connect, type Socket } from 'node:net';

export interface LoadResult {
  requests: number;
  errors: number;
  seconds: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

interface Answer {
  status: number;
  session: string | undefined;
}

/** A token in the shape of a JWT, unsigned: sessions opened with it are bound to its principal and always decided on. */
export const JWT = `Bearer ${[{ alg: 'none' }, { iss: 'bench', sub: 'bench' }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2ln`;

const head = (path: string, length: number, session?: string, authorization?: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n` +
  `mcp-protocol-version: 2025-11-25\r\n${authorization ? `authorization: ${authorization}\r\n` : ''}${session ? `mcp-session-id: ${session}\r\n` : ''}content-length: ${length}\r\n\r\n`;
const request = (path: string, body: string, session?: string, authorization?: string): Buffer =>
  Buffer.from(head(path, Buffer.byteLength(body), session, authorization) + body);

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"load","version":"1"}}}';
const toolCall = (tool: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":{"a":1,"b":2}}}`;
export const TOOL_CALL = toolCall('add');

/** One connection, one request at a time, answers by content-length or chunked. Raw sockets: a client library would cost more than the proxy. */
class Connection {
  readonly #socket: Socket;
  #text = '';
  #waiting: ((answer: Answer) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true);
    const lost = (): void => {
      this.#waiting?.({ status: 0, session: undefined });
      this.#waiting = undefined;
    };
    this.#socket
      .on('error', lost)
      .on('close', lost)
      .on('data', (chunk) => this.#read(chunk.toString('latin1')));
  }

  send(bytes: Buffer, done: (answer: Answer) => void): void {
    this.#waiting = done;
    if (this.#socket.destroyed) {
      this.#waiting = undefined;
      done({ status: 0, session: undefined });
    } else this.#socket.write(bytes);
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const headers = this.#text.slice(0, end);
    const length = /content-length: (\d+)/i.exec(headers)?.[1];
    const isWhole =
      length !== undefined ? this.#text.length >= end + 4 + Number(length) : this.#text.endsWith('0\r\n\r\n');
    if (!isWhole) return;
    const waiting = this.#waiting;
    this.#text = '';
    this.#waiting = undefined;
    waiting?.({ status: Number(headers.slice(9, 12)), session: /\r\nmcp-session-id: ([^\r]+)/i.exec(headers)?.[1] });
  }
}

/** Opens `count` sessions with plain initializes, 16 at a time; throws when one is refused. */
export async function openSessions(
  port: number,
  path: string,
  count: number,
  authorization?: string,
): Promise<string[]> {
  const sessions: string[] = [];
  const bytes = request(path, INITIALIZE, undefined, authorization);
  let left = count;
  await Promise.all(
    Array.from({ length: Math.min(16, count) }, async () => {
      const connection = new Connection(port);
      while (left-- > 0) {
        const answer = await new Promise<Answer>((done) => connection.send(bytes, done));
        if (answer.status !== 200 || !answer.session)
          throw new Error(
            `initialize through port ${port} was answered with ${answer.status}, session id ${answer.session}`,
          );
        sessions.push(answer.session);
      }
      connection.close();
    }),
  );
  return sessions;
}

/** Sends one tool call of each session over `connections` connections. */
export async function callOnceEach(options: {
  port: number;
  path: string;
  connections: number;
  sessions: readonly string[];
}): Promise<{ answered: number; failed: number; seconds: number; slowestMs: number }> {
  const { port, path, connections, sessions } = options;
  const startedAt = performance.now();
  let next = 0,
    answered = 0,
    slowestMs = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      let connection = new Connection(port);
      while (next < sessions.length) {
        const sentAt = performance.now();
        const answer = await new Promise<Answer>((done) =>
          connection.send(request(path, TOOL_CALL, sessions[next++]!), done),
        );
        slowestMs = Math.max(slowestMs, performance.now() - sentAt);
        if (answer.status === 200) answered++;
        if (answer.status === 0) {
          connection.close();
          connection = new Connection(port);
        }
      }
      connection.close();
    }),
  );
  return { answered, failed: sessions.length - answered, seconds: (performance.now() - startedAt) / 1000, slowestMs };
}

/** Sends tool calls of the given sessions (`null`: initializes) over `connections` keep-alive connections for `seconds`. */
export async function runLoad(options: {
  port: number;
  path: string;
  connections: number;
  sessions: readonly string[] | null;
  seconds: number;
  authorization?: string;
  /** `add` when absent. */
  tool?: string;
}): Promise<LoadResult> {
  const { port, path, connections, seconds, authorization, tool = 'add' } = options;
  const bytes = options.sessions
    ? options.sessions.map((session) => request(path, toolCall(tool), session, authorization))
    : [request(path, INITIALIZE, undefined, authorization)];
  const timesMs: number[] = [];
  let errors = 0,
    next = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((finished) => {
          let connection = new Connection(port);
          const one = (): void => {
            const sentAt = performance.now();
            if (sentAt >= endsAt) {
              connection.close();
              finished();
              return;
            }
            connection.send(bytes[next++ % bytes.length]!, (answer) => {
              timesMs.push(performance.now() - sentAt);
              if (answer.status !== 200) errors++;
              if (answer.status === 0) {
                connection.close();
                connection = new Connection(port);
                setImmediate(one);
              } else one();
            });
          };
          one();
        }),
    ),
  );
  const took = (performance.now() - startedAt) / 1000;
  timesMs.sort((a, b) => a - b);
  const at = (share: number): number => timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * share))] ?? 0;
  return {
    requests: timesMs.length,
    errors,
    seconds: took,
    requestsPerSecond: timesMs.length / took,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}
