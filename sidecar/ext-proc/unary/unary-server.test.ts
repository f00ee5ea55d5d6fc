import { credentials, makeClientConstructor, type ClientDuplexStream } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { temporaryFolder } from '../../../deploy/test/mesh/temporary-folder.ts';
import { frame as grpcFrame } from '../grpc-frames.ts';
import { answerOf, ask, begin, call, http2Client, open, rawClient } from '../testing/unary-peers.ts';
import type { OnUnaryCall, UnaryCall } from './unary-call.ts';
import { FLAG, FRAME, frame, goAway, rstStream } from './frames.ts';
import { startUnaryServer, type UnaryServer } from './unary-server.ts';

interface Started {
  server: UnaryServer;
  path: string;
  errors: unknown[];
}

/** Answers with what it was asked, unless told otherwise. */
async function start(
  t: ExecutionContext,
  onCall: OnUnaryCall = (call) => {
    call.answer(call.message);
  },
): Promise<Started> {
  const folder = await temporaryFolder(),
    path = join(folder.path, 'unary.sock'),
    errors: unknown[] = [];
  writeFileSync(path, 'left behind');
  const server = await startUnaryServer({
    path,
    onCall,
    onError: (error) => {
      errors.push(error);
    },
  });
  t.teardown(async () => {
    await server.close(0);
    await folder.remove();
  });
  return { server, path, errors };
}

test('grpc-js is answered, 2,000 times on one connection', async (t) => {
  const { path } = await start(t),
    Client = makeClientConstructor(
      {
        Echo: {
          path: '/any/Echo',
          requestStream: true,
          responseStream: true,
          requestSerialize: (value: Buffer) => value,
          requestDeserialize: (value: Buffer) => value,
          responseSerialize: (value: Buffer) => value,
          responseDeserialize: (value: Buffer) => value,
        },
      },
      'any',
    );
  const client = new Client(`unix:${path}`, credentials.createInsecure()) as unknown as {
    Echo(): ClientDuplexStream<Buffer, Buffer>;
    close(): void;
  };
  t.teardown(() => client.close());
  let next = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      while (next < 2000) {
        const text = `call ${next++}`,
          call = client.Echo(),
          got: string[] = [];
        call.on('data', (value: Buffer) => got.push(value.toString()));
        const status = once(call, 'status');
        call.write(Buffer.from(text));
        const [{ code }] = (await status) as [{ code: number }];
        t.deepEqual([code, got], [0, [text]]);
      }
    }),
  );
});

test('a failed call ends with its status', async (t) => {
  const started = await start(t, (each) => {
    each.fail(13);
    each.fail(2);
    t.false(each.answer(Buffer.alloc(1)));
  });
  t.deepEqual(await ask(http2Client(t, started.path), Buffer.from('x')), { messages: Buffer.alloc(0), status: '13' });
});

test('calls and answers of any size come whole; what is too large is refused, and the next one answered', async (t) => {
  const started = await start(t),
    session = http2Client(t, started.path, { settings: { initialWindowSize: 4 << 20 } });
  await once(session, 'connect');
  session.setLocalWindowSize(16 << 20);
  for (const size of [0, 1, 16_379, 16_380, 70_000, 1 << 20]) {
    const message = Buffer.alloc(size, 'q'),
      { messages, status } = await ask(session, message);
    t.true(status === '0' && messages.equals(grpcFrame(message)), String(size));
  }
  t.is((await ask(session, Buffer.alloc((1 << 20) + 1))).status, '8');
  t.is((await ask(session, Buffer.from('next'))).status, '0');
  t.deepEqual(started.errors, []);
});

test('an answer that is larger than the peer’s window fails and is told', async (t) => {
  const started = await start(t),
    session = http2Client(t, started.path);
  t.is((await ask(session, Buffer.alloc(100_000))).status, '8');
  t.regex(String(started.errors[0]), /100005 bytes is larger than the window/);
});

test('answers wait until the peer’s window has room, in their order', async (t) => {
  const started = await start(t),
    { socket, received } = await rawClient(t, started.path),
    message = Buffer.alloc(30_000);
  socket.write(
    Buffer.concat([
      begin,
      ...[1, 3, 5].map((stream) =>
        Buffer.concat([frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.alloc(0)), ...pieces(stream, message)]),
      ),
    ]),
  );
  const trailersOf = (stream: number): boolean =>
    received().includes(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, Buffer.alloc(0)).subarray(3));
  while (!trailersOf(3)) await turn();
  t.false(trailersOf(5));
  socket.write(frame(FRAME.windowUpdate, 0, 0, Buffer.from([0, 1, 0, 0])));
  while (!trailersOf(5)) await turn();
  t.is(started.server.openCalls, 0);
});
function pieces(stream: number, message: Buffer): Buffer[] {
  const whole = grpcFrame(message),
    frames: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384)
    frames.push(frame(FRAME.data, 0, stream, whole.subarray(at, at + 16_384)));
  return frames;
}

test('who has gone is not answered, and is told to the one who would', async (t) => {
  const waiting: UnaryCall[] = [],
    started = await start(t, (each) => {
      waiting.push(each);
    }),
    { socket, isOver } = await rawClient(t, started.path);
  socket.write(
    Buffer.concat([
      begin,
      call(1, Buffer.from('a')),
      call(3, Buffer.from('b')),
      call(5, Buffer.from('c')),
      rstStream(1, 8),
    ]),
  );
  while (waiting.length < 3 || started.server.openCalls > 2) await turn();
  t.deepEqual(
    waiting.slice(0, 2).map((each) => each.answer(each.message)),
    [false, true],
  );
  socket.destroy();
  await isOver;
  while (started.server.openCalls > 0) await turn();
  t.false(waiting[2]!.answer(Buffer.alloc(0)));
  t.deepEqual(started.errors, []);
});

test('closing says GOAWAY, lets what is asked be answered, and refuses what comes after it', async (t) => {
  const waiting: UnaryCall[] = [],
    started = await start(t, (each) => {
      waiting.push(each);
    }),
    { socket, isOver, received } = await rawClient(t, started.path);
  socket.write(Buffer.concat([begin, call(1, Buffer.from('a'))]));
  while (waiting.length < 1) await turn();
  const closed = started.server.close(60_000);
  while (!received().includes(goAway(1, 0))) await turn();
  socket.write(call(3, Buffer.from('late')));
  while (!received().includes(rstStream(3, 7))) await turn();
  t.true(waiting[0]!.answer(Buffer.from('answered')));
  await isOver;
  await closed;
  t.true(received().includes('answered'));
  t.is(waiting.length, 1);
  t.false(existsSync(started.path));
});

test('what is no HTTP/2 ends its connection with a word to the log; other connections go on', async (t) => {
  const started = await start(t),
    session = http2Client(t, started.path);
  const bad = [
    Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    Buffer.concat([begin, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])]),
    Buffer.concat([begin, frame(FRAME.headers, FLAG.endHeaders, 2, Buffer.alloc(0))]),
    Buffer.concat([
      begin,
      frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.alloc(0)),
      frame(FRAME.data, FLAG.padded, 1, Buffer.from([200, 1])),
    ]),
  ];
  for (const bytes of bad) {
    const { socket, isOver } = await rawClient(t, started.path);
    socket.end(bytes);
    await isOver;
  }
  t.is(started.errors.length, bad.length);
  t.is((await ask(session, Buffer.from('x'))).status, '0');
});

test('frames are read wherever they are cut, padded or with pings and unknown frames between', async (t) => {
  const started = await start(t),
    { socket, received } = await rawClient(t, started.path),
    ping = Buffer.from('pingpong');
  const whole = grpcFrame(Buffer.from('cut anywhere')),
    padded = Buffer.concat([Buffer.from([3]), whole.subarray(4), Buffer.alloc(3)]);
  const bytes = Buffer.concat([
    begin,
    frame(FRAME.headers, 0, 7, Buffer.alloc(10)),
    frame(9, FLAG.endHeaders, 7, Buffer.alloc(3)),
    frame(FRAME.data, 0, 7, whole.subarray(0, 4)),
    frame(FRAME.ping, 0, 0, ping),
    frame(77, 0, 7, ping),
    frame(FRAME.data, FLAG.padded, 7, padded),
  ]);
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
  while (!received().includes('cut anywhere')) await turn();
  t.true(received().includes(frame(FRAME.ping, FLAG.ack, 0, ping)));
  t.deepEqual(started.errors, []);
});

test('a stream that ends without a whole message, or is compressed, fails alone', async (t) => {
  const session = http2Client(t, (await start(t)).path);
  const statusOf = async (bytes: Buffer): Promise<string | undefined> => {
    const stream = open(session),
      answer = answerOf(stream);
    stream.end(bytes);
    return (await answer).status;
  };
  t.is(await statusOf(Buffer.alloc(0)), '13');
  t.is(await statusOf(Buffer.from([0, 0, 0, 0, 9, 1])), '13');
  t.is(await statusOf(Buffer.from([1, 0, 0, 0, 1, 1])), '12');
  t.is((await ask(session, Buffer.from('x'))).status, '0');
});

test('calls that never become whole are kept up to a limit, and answers that the peer has no window for are counted as calls', async (t) => {
  const started = await start(t),
    { socket, received } = await rawClient(t, started.path);
  const begun = Buffer.alloc(1 << 20);
  begun.writeUInt32BE(1 << 20, 1);
  socket.write(begin);
  for (let stream = 1; stream < 2 * 40; stream += 2)
    socket.write(
      Buffer.concat([
        frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.alloc(0)),
        ...Array.from({ length: 64 }, (_, piece) =>
          frame(FRAME.data, 0, stream, begun.subarray(piece << 14, (piece + 1) << 14)),
        ),
      ]),
    );
  const failed = (): number => received().toString('latin1').split('grpc-status\x018').length - 1;
  while (failed() < 40 - 32) await turn();
  t.is(started.server.openCalls, 32);
  socket.write(Buffer.concat(Array.from({ length: 40 }, (_, index) => rstStream(2 * index + 1, 8))));
  while (started.server.openCalls > 0) await turn();
  socket.write(call(101, Buffer.from('room again')));
  while (!received().includes('room again')) await turn();
  t.deepEqual(started.errors, []);
});
