import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { startAlternatingFront } from './alternating-front.ts';

async function origin(answer: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () =>
      response.writeHead(200, { 'x-host': request.headers.host }).end(`${answer} ${request.url} ${body}`),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

test('requests go to the origins in turn, with path, body and Host as the client sent them', async (t) => {
  const [a, b] = await Promise.all([origin('a'), origin('b')]);
  const front = await startAlternatingFront([a.url, b.url]);
  t.teardown(async () => {
    await front.close();
    a.close();
    b.close();
  });
  const answers: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    const response = await fetch(`${front.origin}/mcp?q=1`, { method: 'POST', body: String(i) });
    t.is(response.headers.get('x-host'), new URL(front.origin).host);
    answers.push(await response.text());
  }
  t.deepEqual(answers, ['a /mcp?q=1 0', 'b /mcp?q=1 1', 'a /mcp?q=1 2']);
  t.deepEqual(front.sent, [2, 1]);
});

test('an origin that is gone ends the connection, as a lost gateway would', async (t) => {
  const gone = await origin('gone');
  gone.close();
  const front = await startAlternatingFront([gone.url]);
  t.teardown(() => front.close());
  await t.throwsAsync(fetch(front.origin));
});
