import { connect } from 'node:net';
import { once } from 'node:events';
import test from 'ava';
import { relayServers } from './relay-servers.ts';

const open = () =>
  relayServers(
    { host: '127.0.0.1', port: 0 },
    null,
    (_, response) => response.end(),
    () => undefined,
  );

test('many connections are let in within a few turns of a busy event loop', async (t) => {
  const servers = open();
  await servers.listen();
  const { port } = servers.address;
  let turns = 0;
  let isBusy = true;
  const turn = (): void => {
    turns += 1;
    if (isBusy) setImmediate(turn);
  };
  const sockets = Array.from({ length: 200 }, () => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  turn();
  await Promise.all(
    sockets.map(async (socket) => {
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await once(socket, 'data');
    }),
  );
  isBusy = false;
  t.true(turns < 200, `${turns} turns`);
  for (const socket of sockets) socket.destroy();
  await servers.close();
});

test('a port that another process has is still refused', async (t) => {
  const first = open();
  await first.listen();
  const second = relayServers(
    { host: '127.0.0.1', port: first.address.port },
    null,
    () => undefined,
    () => undefined,
  );
  await t.throwsAsync(second.listen(), { code: 'EADDRINUSE' });
  await first.close();
});
