import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import test from 'ava';
import { ClientAnswer } from './client-answer.ts';

const EVENT = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n';

/** Bytes of one answer, as they come from the socket. */
async function piecesOf(answer: (client: ClientAnswer) => void, onError: (error: unknown) => void): Promise<string[]> {
  const server = createServer((_request, response) =>
    answer(new ClientAnswer(response, null, new Set<ClientAnswer>(), onError)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const pieces: string[] = [];
  socket.on('data', (piece) => pieces.push(piece.toString()));
  socket.write('GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n');
  await once(socket, 'close');
  server.close();
  return pieces;
}

test('an event stream whose only event and end come together goes out in one write', async (t) => {
  const pieces = await piecesOf(
    (client) => {
      client.openSseLater(200, {}, 0);
      client.write(EVENT, 0);
      // The end is heard of some microtasks later.
      queueMicrotask(() => queueMicrotask(() => client.end()));
    },
    (error) => t.fail(String(error)),
  );
  t.is(pieces.length, 1);
  t.true(pieces[0]?.startsWith('HTTP/1.1 200') && pieces[0].includes(EVENT) && pieces[0].endsWith('0\r\n\r\n'));
});

test('an event does not wait for the one that comes a turn later', async (t) => {
  const pieces = await piecesOf(
    (client) => {
      client.openSseLater(200, {}, 0);
      client.write(EVENT, 0);
      setTimeout(() => client.end(EVENT), 50);
    },
    (error) => t.fail(String(error)),
  );
  t.true(pieces.length > 1);
  t.is(pieces.join('').split(EVENT).length, 3);
});

test('an answer whose client has gone before the end of its turn fails nobody', async (t) => {
  const pieces = await piecesOf(
    (client) => {
      client.end('too late');
      client.cut();
    },
    (error) => t.fail(String(error)),
  );
  t.deepEqual(pieces, []);
});
