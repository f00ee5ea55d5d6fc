import { setTimeout as sleep } from 'node:timers/promises';
import { alternatingFetch } from '../test/clients/alternating-fetch.ts';
import { connectClient } from '../test/clients/connect-client.ts';
import { refusedToNext } from '../test/clients/failover-fetch.ts';
import { abortAtEnd } from './abort-at-end.ts';

/** One session of an official client with `linear`, a call every second, over the gateways named in turn: something to watch while things die. */
const origins = process.argv.slice(2);
if (origins.length === 0) {
  process.stderr.write('usage: npm run session -- http://127.0.0.1:37373 [further gateways]\n');
  process.exit(64);
}
const EVERY_MS = 1000;
const fetch = alternatingFetch(origins, refusedToNext(origins));
const end = new AbortController();
abortAtEnd(end);

const url = `${origins[0]}/mcp/linear`;
const client = await connectClient({ kind: 'v1', url, fetch, timeoutMs: 10_000 }).catch((error: Error) => {
  process.stderr.write(`no session with ${url} (${error.message}): is npm start running, with these addresses?\n`);
  process.exit(1);
});
process.stdout.write(`session ${client.sessionId}\n`);
let replica = '';
while (!end.signal.aborted) {
  const startMs = performance.now();
  let line: string;
  try {
    const { data } = await client.callTool('cart_add', { id: 'ENG-1' });
    const now = String(data['replica']);
    const moved =
      replica !== '' && now !== replica
        ? `   moved here from ${replica}; what that one held in its own memory is gone`
        : '';
    replica = now;
    line = `${now}   issues in this session’s cart: ${(data['cart'] as unknown[]).length}${moved}`;
  } catch (error) {
    line = `FAILED: ${(error as Error).message}`;
  }
  process.stdout.write(
    `${new Date().toISOString().slice(11, 19)}   ${(performance.now() - startMs).toFixed(0).padStart(5)} ms   ${line}\n`,
  );
  await sleep(EVERY_MS, undefined, { signal: end.signal }).catch(() => {});
}
await Promise.race([client.terminate().catch(() => {}), sleep(1000)]);
process.exit(0);
