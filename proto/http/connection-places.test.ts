import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { keepPlaces } from './connection-places.ts';

async function serve(t: ExecutionContext, most: number) {
  const streams: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url !== '/stream') return response.end('answered');
    response.writeHead(200).flushHeaders();
    return streams.push(response);
  });
  keepPlaces(server, most);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const ask = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ port, path, agent: false }, (response) => {
        if (path === '/stream') return resolve('begun');
        return response.on('data', (bytes: Buffer) => resolve(bytes.toString()));
      }).on('error', reject);
    });
  return { open, ask, streams };
}

test('connections that say nothing make room for one that asks, the oldest first', async (t) => {
  const { open, ask } = await serve(t, 8);
  const silent: Socket[] = [];
  for (let count = 0; count < 30; count++) silent.push(await open());
  t.is(await ask('/'), 'answered');
  await waitFor(() => silent.filter(({ closed }) => closed).length >= 23, { what: 'those beyond the places end' });
  t.true(silent.slice(0, 22).every(({ closed }) => closed));
  t.false(silent.at(-1)?.closed);
});

test('an answer that is being given keeps its place; when all are such, nobody else comes in, and a place is free when one ends', async (t) => {
  const { open, ask, streams } = await serve(t, 2);
  await ask('/stream');
  await ask('/stream');
  for (let count = 0; count < 10; count++) await open();
  await t.throwsAsync(ask('/'));
  t.false(streams[0]?.destroyed);
  streams[0]?.end();
  await waitFor(() => ask('/').then(Boolean, () => false), { what: 'a free place' });
});
