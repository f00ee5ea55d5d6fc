import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { afterMs } from './after-ms.ts';

test('an answer that came while the process had no CPU is read before its time is over', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [typeof client],
    unknown,
  ];
  t.teardown(() => {
    client.destroy();
    peer.destroy();
  });
  const order: string[] = [];
  const isOver = Promise.withResolvers<void>();
  client.on('data', () => order.push('answer'));
  // A turn of its own, so that the loop does not stand in the middle of reading.
  setImmediate(() => {
    afterMs(5, () => {
      order.push('late');
      isOver.resolve();
    });
    peer.write('answer');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  });
  await isOver.promise;
  t.deepEqual(order, ['answer', 'late']);
});

test('what is stopped does not run, also in the turn in which it is due', async (t) => {
  let ran = 0;
  const stop = afterMs(
    1,
    () => {
      ran += 1;
    },
    { isDaemon: true },
  );
  const isDue = Promise.withResolvers<void>();
  setTimeout(() => {
    stop();
    isDue.resolve();
  }, 1);
  await isDue.promise;
  await new Promise((done) => setImmediate(done));
  t.is(ran, 0);
});
