import { createServer as createHttp, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { decodeLogs, type ReceivedRecord } from './decode-logs.ts';
import { decodeSpans, type ReceivedSpan } from './decode-spans.ts';

/** `silent`: never answers. `huge`: answers without end. `dripping`: the same, a byte at a time. `refusing`: an error, at once. */
export type CollectorMood = 'well' | 'silent' | 'huge' | 'dripping' | 'refusing';

export interface Collector {
  endpoint: string;
  protocol: 'grpc' | 'http/protobuf';
  spans: ReceivedSpan[];
  records: ReceivedRecord[];
  /** `authorization` of each request. */
  tokens: Set<string | undefined>;
  requests: number;
  mood: CollectorMood;
  close(): Promise<void>;
}

const CONTENT = { grpc: 'application/grpc', 'http/protobuf': 'application/x-protobuf' };
const GRPC_FRAME_BYTES = 5;
const PIECE = Buffer.alloc(1 << 16);

const readAll = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
};

function pour(response: ServerResponse | ServerHttp2Stream): void {
  while (!response.destroyed && response.write(PIECE));
  if (!response.destroyed) response.once('drain', () => pour(response));
}

function drip(response: ServerResponse | ServerHttp2Stream): void {
  const timer = setInterval(() => response.write('x'), 50);
  response.once('close', () => clearInterval(timer));
}

/** A collector that keeps what it is sent: OTLP by gRPC or by HTTP with protobuf. */
export async function startCollector(protocol: Collector['protocol']): Promise<Collector> {
  const sockets = new Set<Socket>();
  const take = (path: string | undefined, headers: IncomingHttpHeaders, body: Buffer): void => {
    collector.requests++;
    // While a configuration changes, an Envoy may speak the former protocol to the new address.
    if (headers['content-type'] !== CONTENT[protocol]) return;
    collector.tokens.add(headers.authorization);
    if (collector.mood !== 'well') return;
    if (/logs/i.test(path ?? '')) collector.records.push(...decodeLogs(body));
    else collector.spans.push(...decodeSpans(body));
  };
  const server: Server | Http2Server =
    protocol === 'grpc'
      ? createHttp2().on('stream', (stream: ServerHttp2Stream, headers) => {
          stream.on('error', () => undefined);
          readAll(stream).then(
            (bytes) => {
              take(headers[':path'], headers, bytes.subarray(GRPC_FRAME_BYTES));
              answerGrpc(stream, collector.mood);
            },
            () => stream.destroy(),
          );
        })
      : createHttp((incoming, response) => {
          readAll(incoming).then(
            (bytes) => {
              take(incoming.url, incoming.headers, bytes);
              answerHttp(response, collector.mood);
            },
            () => response.destroy(),
          );
        });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const collector: Collector = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    protocol,
    spans: [],
    records: [],
    tokens: new Set(),
    requests: 0,
    mood: 'well',
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return collector;
}

function answerGrpc(stream: ServerHttp2Stream, mood: CollectorMood): void {
  if (mood === 'silent' || stream.destroyed) return;
  const status = mood === 'refusing' ? '16' : '0';
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  if (mood === 'huge') return pour(stream);
  if (mood === 'dripping') return drip(stream);
  stream.end(status === '0' ? Buffer.alloc(GRPC_FRAME_BYTES) : undefined);
}

function answerHttp(response: ServerResponse, mood: CollectorMood): void {
  if (mood === 'silent') return;
  response.writeHead(mood === 'refusing' ? 401 : 200, { 'content-type': 'application/x-protobuf' });
  if (mood === 'huge') pour(response);
  else if (mood === 'dripping') drip(response);
  else response.end();
}
