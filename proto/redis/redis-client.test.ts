import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { startSentinelRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { connectRedis, whenReady } from './redis-client.ts';

test('a sentinel that answers once and then never costs an error that its owner hears, and no line on the console', async (t) => {
  t.timeout(120_000);
  const folder = await temporaryFolder('holdfast-sentinel-');
  t.teardown(() => folder.remove());
  const redis = await startSentinelRedis({ folder: folder.path });
  t.teardown(() => redis.close());
  const sentinelPort = Number(/:(\d+)/.exec(redis.url)?.[1]);

  // The first connection, which asks for the master, is passed on; those that wait for failovers are taken and left.
  const sockets = new Set<Socket>();
  let isFirst = true;
  const sentinel = createServer((client) => {
    sockets.add(client.on('error', () => client.destroy()));
    if (!isFirst) return;
    isFirst = false;
    const target = connect(sentinelPort, '127.0.0.1').on('error', () => client.destroy());
    sockets.add(target);
    client.pipe(target).pipe(client);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => sentinel.once('listening', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    sentinel.close();
  });

  const printed: unknown[] = [];
  const { error: print } = console;
  console.error = (...words: unknown[]): void => {
    printed.push(words);
  };
  t.teardown(() => {
    console.error = print;
  });
  const errors: Error[] = [];
  const { port } = sentinel.address() as AddressInfo;
  const client = connectRedis(`redis+sentinel://127.0.0.1:${port}/holdfast`, {
    onError: (error) => errors.push(error),
  });
  t.teardown(() => client.disconnect());
  t.true(await whenReady(client, 60_000));
  await waitFor(() => errors.some(({ message }) => message === 'Command timed out'), { what: 'the error is heard' });
  t.deepEqual(printed, []);
});
