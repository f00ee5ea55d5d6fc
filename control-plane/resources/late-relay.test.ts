import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { gateway } from './testing/test-gateway.ts';

/** A relay of its own thread, which takes no connection until the thread is woken: then it answers that it is the relay. */
const LATE_RELAY = `
  const { createServer } = require('node:http');
  const { parentPort, workerData } = require('node:worker_threads');
  const server = createServer((request, response) => response.end('{"at":"relay"}'));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setTimeout(() => Atomics.wait(new Int32Array(workerData), 0, 0), 0);
  });`;

test('a relay that takes a connection late is waited for: past it there is neither guard nor limit', async (t) => {
  const woken = new SharedArrayBuffer(4);
  const worker = new Worker(LATE_RELAY, { eval: true, workerData: woken });
  const wake = (): void => {
    Atomics.store(new Int32Array(woken), 0, 1);
    Atomics.notify(new Int32Array(woken), 0);
  };
  t.teardown(async () => {
    wake();
    await worker.terminate();
  });
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const waiting: Socket[] = [];
  t.teardown(() => waiting.forEach((socket) => void socket.destroy()));
  // Linux takes a few into the queue of a socket that accepts nothing, and then drops what asks.
  await waitFor(
    async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      waiting.push(socket);
      await pause(50);
      return socket.connecting;
    },
    { what: 'a full queue' },
  );
  const { send, envoy, one } = await gateway(t, 'timeouts: {connectMs: 50},', {}, '', `127.0.0.1:${port}`);
  const answer = send({ 'mcp-session-id': '1~abc' });
  await waitFor(
    async () => {
      const stats = await envoy.stats('cluster.*upstream_cx_total');
      return Object.entries(stats).some(([name, count]) => name.includes('linear') && Number(count) > 0);
    },
    { what: 'the connection that Envoy begins' },
  );
  wake();
  t.is((await answer).body.at, 'relay');
  t.is(one.seen.length, 0);
});
