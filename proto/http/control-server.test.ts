import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { controlServer, sendJson } from './control-server.ts';

async function serve(t: ExecutionContext) {
  const errors: unknown[] = [];
  const server = controlServer({
    onError: (error) => errors.push(error),
    handle: (_request, response, url) => {
      if (url.pathname === '/throws') throw new TypeError('secret text');
      if (url.pathname === '/rejects') return Promise.reject(new Error('secret text'));
      if (url.pathname === '/late') {
        response.writeHead(200);
        return Promise.reject(new Error('late'));
      }
      return sendJson(response, 200, { path: url.pathname });
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const raw = async (text: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.on('data', (piece) => (heard += piece.toString()));
    socket.on('error', () => {});
    socket.end(text);
    await once(socket, 'close');
    return heard;
  };
  return { errors, raw };
}

const HOST = 'host: 127.0.0.1\r\nconnection: close\r\n';

test('no malformed request line, header, body, upgrade or CONNECT ends the server; each is refused', async (t) => {
  const { errors, raw } = await serve(t);
  const attacks = [
    `GET // HTTP/1.1\r\n${HOST}\r\n`,
    `GET //evil.example/x HTTP/1.1\r\n${HOST}\r\n`,
    `GET http://[ HTTP/1.1\r\n${HOST}\r\n`,
    `GET * HTTP/1.1\r\n${HOST}\r\n`,
    `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    `CONNECT x:1 HTTP/1.1\r\n${HOST}\r\n`,
    `GET /ok HTTP/1.1\r\nhost: 127.0.0.1\r\n${HOST}\r\n`,
    `GET /ok HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n`,
    `GET /ok HTTP/1.1\r\nhost: ${'x'.repeat(40_000)}\r\n\r\n`,
    `GET /ok HTTP/1.1\r\nno colon\r\n\r\n`,
    `POST /ok HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`,
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    '\u0000\u0001\u0002\r\n\r\n',
    `GET /%zz%00 HTTP/9.9\r\n\r\n`,
  ];
  for (const attack of attacks) {
    const answer = await raw(attack);
    t.regex(answer, /^(HTTP\/1\.1 [45]\d\d |$)/, JSON.stringify(attack.slice(0, 60)));
    t.regex(await raw(`GET /ok HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 200 /);
  }
  t.deepEqual(errors, []);
  t.regex(await raw(`GET /ok HTTP/1.1\r\n${HOST}upgrade: websocket\r\n\r\n`), /^HTTP\/1\.1 (200|4\d\d) |^$/);
});

test('what an answer throws, rejects with, or fails at half-way costs that answer alone', async (t) => {
  const { errors, raw } = await serve(t);
  for (const path of ['/throws', '/rejects']) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
    t.regex(answer, /^HTTP\/1\.1 500 /);
    t.notRegex(answer, /secret/);
  }
  await raw(`GET /late HTTP/1.1\r\n${HOST}\r\n`);
  t.is(errors.length, 3);
  t.regex(await raw(`GET /ok HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1\.1 200 /);
});
