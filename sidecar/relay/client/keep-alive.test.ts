import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { ClientAnswer, keepStreamsAlive } from './client-answer.ts';

test('a silent event stream gets a comment after its server’s own time, and not before', async (t) => {
  const open = new Set<ClientAnswer>();
  const begun = Promise.withResolvers<ClientAnswer>();
  const server = createServer((_request, response) => {
    const answer = new ClientAnswer(response, null, open, (error) => t.fail(String(error)));
    answer.keepAliveMs = 3000;
    answer.openSse(200, { 'content-type': 'text/event-stream' }, 0);
    begun.resolve(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let nowMs = 0;
  const stop = keepStreamsAlive(open, () => nowMs, 1);
  const aborting = new AbortController();
  t.teardown(() => {
    stop();
    aborting.abort();
    server.closeAllConnections();
    server.close();
  });
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    signal: aborting.signal,
  });
  const answer = await begun.promise;
  answer.lastWriteMs = 0;
  nowMs = 2999;
  for (let rounds = 0; rounds < 20; rounds++) await new Promise((resolve) => setImmediate(resolve));
  t.is(answer.lastWriteMs, 0);
  nowMs = 3000;
  const { value } = (await response.body?.getReader().read()) ?? {};
  t.regex(Buffer.from(value ?? []).toString(), /^: ?keepalive/);
  t.is(answer.lastWriteMs, 3000);
});
