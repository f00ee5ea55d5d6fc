import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { gatewayLimitsSchema } from '../../proto/limits.ts';
import { BodyBudget } from './body-budget.ts';
import { FairReads } from './fair-reads.ts';
import { readLimitedBody } from './read-limited-body.ts';

const MIB = 1 << 20;
const gateway = gatewayLimitsSchema.parse({ bufferedBytes: 256 * MIB, bufferedBytesPerAddress: 256 * MIB });

async function withServer(budget: BodyBudget, use: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((incoming, response) =>
    readLimitedBody(incoming, response, { maxBytes: 4 * MIB, gateway, budget }, (read) =>
      response.end(read.is === 'whole' ? `${read.body.length} ${read.body.at(-1)}` : read.is),
    ),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function post(port: number, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': body.length } });
    sent.once('error', reject).once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.once('end', () => resolve(text));
    });
    sent.end(body);
  });
}

/** Lets turns come, one in each turn of the event loop, until something is there. */
async function turnUntil(turns: (() => void)[], wanted: Promise<unknown>): Promise<void> {
  let isThere = false;
  wanted.then(
    () => (isThere = true),
    () => (isThere = true),
  );
  while (!isThere) {
    turns.shift()?.();
    await new Promise(setImmediate);
  }
}

test('large bodies wait for their turn while a small one is read at once, and then arrive whole', async (t) => {
  const turns: (() => void)[] = [];
  const budget = new BodyBudget(
    Date.now,
    new FairReads((run) => {
      turns.push(run);
      isDue?.();
    }),
  );
  let isDue: (() => void) | undefined;
  await withServer(budget, async (port) => {
    const due = new Promise<void>((resolve) => {
      isDue = resolve;
    });
    const large = Array.from({ length: 8 }, (_, index) => post(port, Buffer.alloc(MIB, index)));
    await due;
    // No turn comes: nothing but small bodies is read to its end.
    t.is(await post(port, Buffer.alloc(1000, 7)), '1000 7');
    t.true(budget.bytes < 8 * MIB);
    const all = Promise.all(large);
    await turnUntil(turns, all);
    t.deepEqual(
      await all,
      Array.from({ length: 8 }, (_, index) => `${MIB} ${index}`),
    );
  });
});

test('a body that waits when its client goes away leaves its place with its turn', async (t) => {
  const turns: (() => void)[] = [];
  const budget = new BodyBudget(Date.now, new FairReads((run) => turns.push(run)));
  await withServer(budget, async (port) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 3 * MIB } });
    sent.on('error', () => undefined);
    sent.write(Buffer.alloc(2 * MIB));
    while (turns.length === 0) await new Promise(setImmediate);
    sent.destroy();
    while (budget.bytes > 0) {
      turns.shift()?.();
      await new Promise(setImmediate);
    }
    const next = post(port, Buffer.alloc(200_000, 3));
    await turnUntil(turns, next);
    t.is(await next, '200000 3');
  });
});
