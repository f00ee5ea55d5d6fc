import { subscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import test from 'ava';
import { listenAsRelay, type RelayServers } from './relay-servers.ts';

const listen = (port = 0) => listenAsRelay({ host: '127.0.0.1', port }, null, () => undefined);
const open = async (): Promise<RelayServers> => {
  const servers = await listen();
  servers.serve((_, response) => response.end());
  return servers;
};

test('many connections are let in within a few turns of a busy event loop', async (t) => {
  const servers = await open();
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
  const first = await open();
  await t.throwsAsync(listen(first.address.port), { code: 'EADDRINUSE' });
  await first.close();
});

test('a request that comes before somebody answers waits, and is answered then', async (t) => {
  const servers = await listen();
  const { port } = servers.address;
  const isRead = new Promise<void>((resolve) => {
    subscribe('http.server.request.start', (message) => {
      if ((message as { socket: Socket }).socket.localPort === port) resolve();
    });
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await isRead;
  servers.serve((_, response) => response.end('late'));
  const [data] = (await once(socket, 'data')) as [Buffer];
  t.regex(data.toString(), /late$/);
  socket.destroy();
  await servers.close();
});
