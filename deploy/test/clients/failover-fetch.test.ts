import test from 'ava';
import { refusedToNext } from './failover-fetch.ts';

const ORIGINS = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'];
const refused = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });

/** A fetch that some origins refuse, or fail in another way. */
function rig(down: Record<string, Error>) {
  const asked: string[] = [];
  const fetch = refusedToNext(ORIGINS, async (url) => {
    asked.push(String(url));
    const error = down[new URL(url).origin];
    if (error) throw error;
    return new Response('ok');
  });
  return { asked, fetch };
}

test('what nobody listened to goes to the next gateway, with its path and query', async (t) => {
  const { asked, fetch } = rig({ 'http://127.0.0.1:2': refused, 'http://127.0.0.1:1': refused });
  t.is((await fetch('http://127.0.0.1:2/mcp/linear?a=1')).status, 200);
  t.deepEqual(
    asked,
    [2, 1, 3].map((port) => `http://127.0.0.1:${port}/mcp/linear?a=1`),
  );
});

test('what was sent is never sent again, and when nobody listens the error is told', async (t) => {
  const reset = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } });
  const cut = rig({ 'http://127.0.0.1:2': reset });
  await t.throwsAsync(cut.fetch('http://127.0.0.1:2/x'), { is: reset });
  t.is(cut.asked.length, 1);
  const none = rig(Object.fromEntries(ORIGINS.map((origin) => [origin, refused])));
  await t.throwsAsync(none.fetch('http://127.0.0.1:1/x'), { is: refused });
  t.is(none.asked.length, 3);
});
