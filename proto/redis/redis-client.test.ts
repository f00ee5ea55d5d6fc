import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { startRedis, startSentinelRedis } from '../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { anotherConnection, connectRedis, whenReady } from './redis-client.ts';

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

/** Replies of RESP that Redis itself would not give here. */
const ODD_REPLIES: Record<string, string> = {
  'null that nobody asked for': '$-1\r\n',
  'null of version 3': '_\r\n',
  'push of nothing': '>1\r\n_\r\n',
  'push of a subscription without its channel': '>1\r\n$9\r\nsubscribe\r\n',
  'push of a message without its text': '>1\r\n$7\r\nmessage\r\n',
  'list that nobody asked for': '*2\r\n$-1\r\n*0\r\n',
  'length that is no number': '$abc\r\n',
  'arrays in arrays': '*1\r\n'.repeat(20_000),
  'other protocol': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  'reply that never ends': '$1000000\r\nx',
  'nothing any more': '',
};

test('whatever comes in the place of replies ends at most that connection: nothing is uncaught, and the next command is answered', async (t) => {
  t.timeout(120_000);
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const target = connect(redis.port, '127.0.0.1');
    for (const socket of [client, target]) socket.on('error', () => socket.destroy());
    sockets.add(client.on('close', () => sockets.delete(client) && target.destroy()));
    client.on('silence', () => target.unpipe(client).resume());
    client.pipe(target).pipe(client);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  t.teardown(() => proxy.close());
  const client = connectRedis(`redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`, { commandTimeoutMs: 400 });
  const subscriber = anotherConnection(client);
  t.teardown(() => {
    client.disconnect();
    subscriber.disconnect();
  });
  const uncaught: unknown[] = [];
  const note = (error: unknown): unknown => uncaught.push(error);
  process.on('uncaughtException', note);
  t.teardown(() => process.off('uncaughtException', note));
  const heard: string[] = [];
  subscriber.on('message', (_channel, text) => heard.push(text));
  for (const [name, bytes] of Object.entries(ODD_REPLIES)) {
    await Promise.all([whenReady(client, 60_000), whenReady(subscriber, 60_000)]);
    await subscriber.subscribe('c').catch(() => undefined);
    for (const socket of sockets) bytes === '' ? socket.emit('silence') : socket.write(bytes);
    await waitFor(async () => (await client.set('k', name).catch(() => null)) === 'OK', { what: name });
    await waitFor(
      async () => {
        await whenReady(subscriber, 1000);
        await subscriber.subscribe('c').catch(() => undefined);
        await client.publish('c', name).catch(() => 0);
        return heard.includes(name);
      },
      { what: `${name}: the subscription stands again` },
    );
  }
  t.deepEqual(uncaught, []);
});

test('a reply beyond the limit fails its command and fills no memory; what is shorter is read on the next connection', async (t) => {
  t.timeout(120_000);
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const errors: Error[] = [];
  const client = connectRedis(redis.url, { maxReplyBytes: 1 << 20, onError: (error) => errors.push(error) });
  t.teardown(() => client.disconnect());
  t.true(await whenReady(client, 60_000));
  await client.set('large', Buffer.alloc(8 << 20));
  await client.set('small', Buffer.alloc(1 << 19, 'x'));
  await client.hset('many', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'y'.repeat(1 << 17)])));
  for (const read of [() => client.get('large'), () => client.hgetall('many')]) {
    await t.throwsAsync(read);
    t.true(await whenReady(client, 60_000));
    // Many replies together may be longer than one may be.
    const all = await Promise.all(Array.from({ length: 8 }, () => client.get('small')));
    t.deepEqual([...new Set(all.map((text) => text?.length))], [1 << 19]);
  }
  t.true(errors.some(({ message }) => message.includes('a reply of more than 1048576 bytes')));
});
