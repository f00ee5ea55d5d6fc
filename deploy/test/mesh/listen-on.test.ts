import { createServer } from 'node:net';
import test from 'ava';
import { listenOn } from './listen-on.ts';

test('a port that is taken for a moment is waited for', async (t) => {
  const holder = createServer(),
    server = createServer();
  t.teardown(() => server.close());
  const port = await listenOn(holder, 0);
  const listening = listenOn(server, port);
  // The first attempt has failed by then.
  await new Promise((done) => server.prependOnceListener('error', done));
  holder.close();
  t.is(await listening, port);
  t.is(server.listenerCount('error'), 0);
});

test('what will not change is an error at once', async (t) => {
  const server = createServer();
  t.teardown(() => server.close());
  await listenOn(server, 0);
  await t.throwsAsync(listenOn(server, 0), { code: 'ERR_SERVER_ALREADY_LISTEN' });
});
