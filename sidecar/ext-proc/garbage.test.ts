import { connect as connectSocket } from 'node:net';
import { connect as connectHttp2 } from 'node:http2';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { externalProcessorService, logsService } from '../../proto/xds/services.ts';
import { accessLogReceiver } from '../outcome/access-log-receiver.ts';
import { logBatch, logEntry } from '../outcome/testing/test-log-entry.ts';
import { frame } from './grpc-frames.ts';
import { startExtProc, type ExtProc } from './start-ext-proc.ts';
import { idleExtProc } from './testing/idle-ext-proc.ts';

const PROCESS = externalProcessorService['Process']?.path ?? '';
const EXPORT = logsService['Export']?.path ?? '';

interface Running {
  extProc: ExtProc;
  /** Path of the Unix socket of ext_proc; the unary calls' is beside it. */
  path: string;
  errors: string[];
  malformed: () => number;
}

async function running(t: ExecutionContext): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-garbage-'));
  const path = join(folder, 's.sock');
  const errors: string[] = [];
  let malformed = 0;
  const extProc = await startExtProc({
    ...idleExtProc(),
    onError: (_error, where) => errors.push(where),
    addresses: [path],
    accessLogs: accessLogReceiver({
      bus: { publish: () => true, isBusy: false, whenIdle: () => Promise.resolve() },
      backendOf: () => null,
      onEntries: (kind, count) => {
        if (kind === 'malformed') malformed += count;
      },
    }),
  });
  t.teardown(async () => {
    await extProc.close(100);
    await rm(folder, { recursive: true, force: true });
  });
  return { extProc, path, errors, malformed: () => malformed };
}

/** Sends bytes on a connection of its own, as they are; resolves when the other side has ended it, or has had time to fail. */
const sendRaw = (path: string, pieces: readonly Uint8Array[]): Promise<void> =>
  new Promise((resolve) => {
    const socket = connectSocket(path);
    const timer = setTimeout(() => socket.destroy(), 30);
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    for (const piece of pieces) socket.write(piece);
  });

/** One gRPC call with this body; the status that it ends with, null when it was reset. */
function callWith(path: string, method: string, body: Uint8Array): Promise<string | null> {
  return new Promise((resolve) => {
    const session = connectHttp2('http://ext-proc', { createConnection: () => connectSocket(path) });
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': method, 'content-type': 'application/grpc' });
    let status: string | null = null;
    const note = (headers: Record<string, unknown>): void => {
      const given = headers['grpc-status'];
      if (typeof given === 'string') status = given;
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => {});
    stream.once('close', () => {
      session.close();
      resolve(status);
    });
    stream.resume();
    stream.end(body);
  });
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** One HTTP/2 frame with any type, flags and stream, and a length that need not be its payload's. */
const http2Frame = fc
  .record({
    type: fc.integer({ min: 0, max: 12 }),
    flags: fc.integer({ min: 0, max: 255 }),
    stream: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 0xffffffff })),
    payload: fc.uint8Array({ maxLength: 64 }),
    lie: fc.option(fc.integer({ min: 0, max: 0xffffff })),
  })
  .map(({ type, flags, stream, payload, lie }) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(lie ?? payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  });
const garbage = fc.oneof(
  fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
  fc.array(http2Frame, { maxLength: 12 }).map((frames) => [PREFACE, ...frames]),
);

test('whatever bytes come over either socket, the servers go on answering', async (t) => {
  const { path, extProc } = await running(t);
  const sockets = [path, `${path}.questions`];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sockets), garbage, async (socket, pieces) => {
      await sendRaw(socket, pieces);
    }),
    { numRuns: 150 },
  );
  t.is(await callWith(path, EXPORT, frame(logBatch([logEntry({})]))), '0');
  t.is(extProc.openStreams, 0);
});

test('a message that can’t be read ends its call with a status, is counted, and costs no other call', async (t) => {
  const { path, errors, extProc } = await running(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, isFramed) => {
      await callWith(path, PROCESS, isFramed ? frame(bytes) : bytes);
    }),
    { numRuns: 100 },
  );
  t.true(errors.length > 0);
  t.deepEqual(new Set(errors), new Set(['ext-proc']));
  t.is(await callWith(path, EXPORT, frame(logBatch([logEntry({})]))), '0');
  t.is(extProc.openStreams, 0);
});

test('a call that was refused is over, though its client goes on sending', async (t) => {
  const { path, extProc } = await running(t);
  const session = connectHttp2('http://ext-proc', { createConnection: () => connectSocket(path) });
  t.teardown(() => session.destroy());
  for (const head of [Buffer.from([1, 0, 0, 0, 1]), Buffer.from([0, 255, 255, 255, 255])]) {
    const stream = session.request({ ':method': 'POST', ':path': PROCESS, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.write(head);
    stream.resume();
    // It never ends its side.
    await once(stream, 'close');
  }
  await waitFor(() => extProc.openStreams === 0, { what: 'the calls to be forgotten' });
  t.is(extProc.openStreams, 0);
});

test('a batch that is none is refused and counted; one with odd entries is taken', async (t) => {
  const { path, errors, malformed } = await running(t);
  const cut = logBatch([logEntry({}), logEntry({})]).subarray(0, -3);
  const before = malformed();
  t.is(await callWith(path, EXPORT, frame(cut)), '3');
  t.is(malformed(), before + 1);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await callWith(path, EXPORT, frame(bytes));
    }),
    { numRuns: 100 },
  );
  const odd = ['', '\n', ' '.repeat(100), '\n'.repeat(50), '\u0000', '-'.repeat(10_000)].map((text) => ({
    startedAtMs: 0,
    text,
  }));
  t.is(await callWith(path, EXPORT, frame(logBatch(odd))), '0');
  t.deepEqual(errors, []);
});

test('messages that never become whole are kept up to a limit for all of them together; whole ones are read beside them', async (t) => {
  const { path, extProc } = await running(t);
  // Each claims 8 MiB and sends 7.
  const begun = Buffer.alloc(7 << 20);
  begun.writeUInt32BE(8 << 20, 1);
  const ended: string[] = [];
  const sessions = Array.from({ length: 12 }, () => {
    const session = connectHttp2('http://ext-proc', { createConnection: () => connectSocket(path) });
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': PROCESS, 'content-type': 'application/grpc' });
    stream.on('error', () => {}).on('response', (headers) => ended.push(String(headers['grpc-status'])));
    stream.resume().write(begun);
    return session;
  });
  await waitFor(() => ended.length >= 3, { what: 'those beyond the limit are ended' });
  t.deepEqual([...new Set(ended)], ['8']);
  t.is(await callWith(path, EXPORT, frame(logBatch([logEntry({})]))), '0');
  for (const session of sessions) session.destroy();
  await waitFor(() => extProc.openStreams === 0, { what: 'the calls to be forgotten' });
  // There is room again.
  t.not(await callWith(path, EXPORT, frame(Buffer.alloc(6 << 20))), '8');
});
