import type { ExecutionContext } from 'ava';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { frame as grpcFrame } from '../grpc-frames.ts';
import { FLAG, FRAME, frame, PREFACE, settings } from '../unary/frames.ts';

/** A peer that others have written: Node's HTTP/2 client. */
export function http2Client(t: ExecutionContext, path: string, options = {}): ClientHttp2Session {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(path), ...options });
  session.on('error', () => {});
  t.teardown(() => {
    session.destroy();
  });
  return session;
}
export const open = (session: ClientHttp2Session): ClientHttp2Stream =>
  session
    .request({ ':method': 'POST', ':path': '/any/Method', 'content-type': 'application/grpc', te: 'trailers' })
    .on('error', () => {});

interface Answer {
  messages: Buffer;
  status: string | undefined;
}
/** All messages of a call, and its gRPC status. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let status: string | undefined;
  const pieces: Buffer[] = [];
  stream
    .on('response', (headers) => {
      status ??= headers['grpc-status'] as string | undefined;
    })
    .on('trailers', (headers) => {
      status = String(headers['grpc-status']);
    })
    .on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'end');
  return { messages: Buffer.concat(pieces), status };
}
/** One call with one message. */
export async function ask(session: ClientHttp2Session, message: Buffer): Promise<Answer> {
  const stream = open(session),
    answer = answerOf(stream);
  stream.write(grpcFrame(message));
  try {
    return await answer;
  } finally {
    stream.close();
  }
}

/** A peer that is told what to write, byte by byte; `isOver` when the server ends the connection. */
export async function rawClient(
  t: ExecutionContext,
  path: string,
): Promise<{ socket: Socket; isOver: Promise<unknown>; received: () => Buffer }> {
  const socket = connect(path),
    pieces: Buffer[] = [];
  socket.on('error', () => {}).on('data', (piece: Buffer) => pieces.push(piece));
  const isOver = once(socket, 'close');
  t.teardown(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return { socket, isOver, received: () => Buffer.concat(pieces) };
}
/** How a connection begins. */
export const begin = Buffer.concat([PREFACE, settings({})]);
/** One call as a peer writes it. */
export const call = (stream: number, message: Buffer, flags = 0): Buffer =>
  Buffer.concat([
    frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.from([0x82])),
    frame(FRAME.data, flags, stream, grpcFrame(message)),
  ]);
