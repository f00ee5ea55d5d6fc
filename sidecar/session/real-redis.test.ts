import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { redisAnswer } from '../../deploy/test/mesh/start-redis.ts';
import { startRealRedis } from './testing/real-redis.ts';

const inTurn =
  (...ports: number[]): (() => Promise<number>) =>
  async () =>
    ports.shift() ?? freePort();
const portOf = (url: string): number => Number(new URL(url).port);

test('a port that somebody took, another Redis included, is passed over', async (t) => {
  const taken = await freePort(),
    server = createServer((socket) => socket.destroy()).listen(taken, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
  });
  const one = await startRealRedis([], inTurn(taken));
  t.teardown(one.dispose);
  const two = await startRealRedis([], inTurn(portOf(one.url), taken));
  t.teardown(two.dispose);
  t.is(new Set([taken, portOf(one.url), portOf(two.url)]).size, 3);
  await redisAnswer(portOf(one.url), 'SET whose one');
  t.is(await redisAnswer(portOf(two.url), 'GET whose'), '$-1\r\n');
});

test('what can’t start is not tried again, and leaves nothing behind', async (t) => {
  let tries = 0,
    message = '';
  const find = (): Promise<number> => {
    tries++;
    return freePort();
  };
  await startRealRedis(['--no-such-setting', 'x'], find).catch((error: Error) => {
    message = error.message;
  });
  t.regex(message, /no-such-setting/);
  t.is(tries, 1);
});

test('its folder is gone with it', async (t) => {
  const redis = await startRealRedis();
  const folder = /\$\d+\r\n(\/\S+)/.exec(await redisAnswer(portOf(redis.url), 'CONFIG GET dir'))![1]!;
  t.true(existsSync(folder));
  await redis.dispose();
  t.false(existsSync(folder));
  await t.throwsAsync(redisAnswer(portOf(redis.url), 'PING'));
});
