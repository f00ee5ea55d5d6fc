import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { StubReplica } from './testing/stub-replica.ts';
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
  const { send, envoy, one } = await gateway(t, 'timeouts: {connectMs: 50},', {}, '', {
    otherRelay: `127.0.0.1:${port}`,
  });
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

test('a relay that is back has its node’s calls at once: those at a neighbour’s would end with it', async (t) => {
  const neighbour = new StubReplica('neighbour'),
    own = new StubReplica('own');
  t.teardown(() => Promise.all([neighbour.stop(), own.stop()]));
  const port = await freePort();
  const common = { peer: null, listen: null, isDraining: false };
  const gateways = [
    { ...common, id: 'gateway-1', relay: [`127.0.0.1:${port}`] },
    { ...common, id: 'gateway-2', relay: [await neighbour.start()] },
  ];
  const { send } = await gateway(t, '', { gateways }, '', { otherRelay: `127.0.0.1:${port}` });
  const where = async (): Promise<string> => (await send({ 'mcp-session-id': '1~abc' })).body.at;
  for (let call = 0; call < 5; call++) t.is(await where(), 'neighbour');
  await own.start(port);
  t.is(await where(), 'own');
});
