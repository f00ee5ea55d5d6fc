import test, { type ExecutionContext } from 'ava';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, sse, startFakeReplica, type FakeRequest } from '../testing/fake-replica.ts';
import { RigFleet } from '../testing/relay-rig.ts';

async function setup(t: ExecutionContext, answer: (request: FakeRequest) => boolean) {
  const replica = await startFakeReplica('a'),
    rig = await new RigFleet([replica.port]).gateway();
  t.teardown(() => replica.kill());
  t.teardown(() => rig.close());
  replica.sessions.add('s');
  replica.answer = (request) => (request.message.method === 'tools/call' ? answer(request) : false);
  const headers = {
    ...rig.headers,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'x-holdfast-session': '1~s',
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'big' } });
  return {
    replica,
    rig,
    call: () => fetch(rig.url, { method: 'POST', headers, body }),
    raw: () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        httpRequest(rig.url, { method: 'POST', headers }, resolve).on('error', reject).end(body);
      }),
  };
}
const result = (text: string) => ({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text }] } });

test('an event of 10 MB passes whole, though it is not read', async (t) => {
  const big = event(result('ü'.repeat(5 << 20))),
    bytes = Buffer.from(big);
  const { call, rig } = await setup(t, ({ response }) => {
    sse(response, '');
    response.end(bytes);
    return true;
  });
  t.true(Buffer.from(await (await call()).arrayBuffer()).equals(bytes));
  await waitFor(() => rig.outcomes.length === 1, { what: 'its outcome' });
  t.is(rig.outcomes[0]!.kind, 'success');
});

test('a JSON answer larger than what is held passes as it comes, byte for byte', async (t) => {
  const bytes = Buffer.from(JSON.stringify(result('x'.repeat(6 << 20))));
  const { call } = await setup(t, ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(bytes);
    return true;
  });
  t.true(Buffer.from(await (await call()).arrayBuffer()).equals(bytes));
});

test('events cut within CRLF and within a character arrive the same', async (t) => {
  const bytes = Buffer.from(`event: message\r\ndata: ${JSON.stringify(result('日本😀'))}\r\n\r\n`);
  const { call } = await setup(t, ({ response }) => {
    sse(response, '');
    let at = 0;
    const next = (): void => {
      if (at < bytes.length) response.write(bytes.subarray(at, (at += 1)), () => setImmediate(next));
      else response.end();
    };
    next();
    return true;
  });
  t.is(await (await call()).text(), bytes.toString());
});

test.serial('a client that does not read holds its replica back, and nothing piles up in the relay', async (t) => {
  const piece = event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(64 << 10) } }),
    total = 64 << 20;
  let written = 0,
    isHeld = false;
  const { raw } = await setup(t, ({ response }) => {
    sse(response, '');
    const pump = (): void => {
      while (written < total) {
        written += piece.length;
        if (!response.write(piece)) {
          isHeld = true;
          response.once('drain', () => {
            isHeld = false;
            pump();
          });
          return;
        }
      }
      response.end(event(result('done')));
    };
    pump();
    return true;
  });
  const before = process.memoryUsage().rss,
    answer = await raw();
  answer.pause();
  let last = -1,
    still = 0;
  await waitFor(
    () => {
      still = isHeld && written === last ? still + 1 : 0;
      last = written;
      return still > 10;
    },
    { what: 'the replica is held back', everyMs: 30 },
  );
  t.true(written < total / 2, `${written >> 20} MiB were taken from the replica`);
  t.true(process.memoryUsage().rss - before < 200 << 20);
  let read = 0,
    tail = '';
  for await (const chunk of answer) {
    read += (chunk as Buffer).length;
    tail = String(chunk).slice(-200);
  }
  t.true(read >= total, 'all of it comes once it is read');
  t.regex(tail, /done/);
});

test('a stream without events gets keep-alive comments; they never come within an event', async (t) => {
  const { ClientAnswer, keepStreamsAlive } = await import('../client/client-answer.ts');
  const open = new Set<InstanceType<typeof ClientAnswer>>();
  let now = 0;
  const stream = () => {
    const written: string[] = [],
      response = {
        writeHead: () => undefined,
        flushHeaders: () => undefined,
        write: (text: Buffer | string) => {
          written.push(String(text));
          return true;
        },
        on: () => undefined,
        writableEnded: true,
        destroyed: false,
      };
    const answer = new ClientAnswer(response as never, null, open, () => undefined);
    answer.openSse(200, {}, now);
    return { written, answer };
  };
  const { written, answer } = stream(),
    other = stream();
  const stop = keepStreamsAlive(open, () => now, 5);
  t.teardown(stop);
  now = 10_000;
  await waitFor(() => written.length === 1, { what: 'a comment', everyMs: 5 });
  t.is(written[0], ': keepalive\n\n');
  answer.write('data: half', now, false);
  now = 40_000;
  await waitFor(() => other.written.length === 2, { what: 'a second comment on the quiet stream', everyMs: 5 });
  answer.write(' and half\n\n', now);
  t.deepEqual(written.slice(1), ['data: half', ' and half\n\n']);
});
