import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { INITIALIZE } from '../attack-mesh.ts';
import { exchange, MCP_HEADERS } from '../http-client.ts';

/**
 * Attackers in a process of their own, all at once: slow bodies, idle connections, streams that nobody reads, initializes of the largest size.
 * `--url` of a server through each gateway, and how many of each. It prints `started` when all are under way, and ends by a signal.
 */
const values = new Command()
  .requiredOption('--url <url...>', 'where the attackers go, in turn')
  .option('--slow <count>', 'bodies that come slowly', Number, 0)
  .option('--idle <count>', 'connections that say nothing', Number, 0)
  .option('--streams <count>', 'event streams', Number, 0)
  .option('--initializes <count>', 'sessions that are begun', Number, 0)
  .option('--initialize-bytes <bytes>', 'size of each initialize', Number, 65_000)
  .parse()
  .opts<Record<'slow' | 'idle' | 'streams' | 'initializes' | 'initializeBytes', number> & { url: string[] }>();
const urls = values.url.map((url) => new URL(url));
const urlOf = (index: number): URL => {
  const url = urls[index % urls.length];
  if (!url) throw new Error('--url is missing');
  return url;
};
/** Each kind has addresses of its own, a thousand connections each. */
const addressOf = (kind: number, index: number): string => `127.0.${kind}.${1 + (Math.floor(index / 1000) % 250)}`;
const SLOW_BYTES = 1 << 20;

function open(kind: number, index: number, bytes: string | Buffer): Socket {
  const url = urlOf(index);
  const socket = connect({ port: Number(url.port), host: url.hostname, localAddress: addressOf(kind, index) });
  // Who is turned away comes back, a little later.
  let isOver = false;
  const again = (): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    setTimeout(() => open(kind, index, bytes), 1000).unref();
  };
  socket.once('error', again).once('close', again);
  if (bytes.length > 0) socket.write(bytes);
  return socket;
}

const head = (method: string, url: URL, ...headers: string[]): string =>
  [`${method} ${url.pathname} HTTP/1.1`, 'host: a', ...headers, '', ''].join('\r\n');

async function gently(count: number, start: (index: number) => unknown): Promise<void> {
  for (let index = 0; index < count; index++) {
    start(index);
    if (index % 100 === 99) await pause(10);
  }
}

/** Sessions for the streams, eight at a time: as many as begin in half a minute. */
async function sessions(count: number): Promise<string[]> {
  const found: string[] = [];
  const endMs = performance.now() + 30_000;
  let next = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (found.length < count && next < count * 2 && performance.now() < endMs) {
        const index = next++;
        const answer = await exchange(urlOf(index).href, {
          headers: MCP_HEADERS,
          body: JSON.stringify(INITIALIZE),
          from: addressOf(30, index * 20),
        });
        const session = answer.headers['mcp-session-id'];
        if (typeof session === 'string') found.push(session);
      }
    }),
  );
  return found;
}

const half = Buffer.alloc(SLOW_BYTES / 2, 'a');
const slow = gently(values.slow, (index) => {
  const url = urlOf(index);
  const bytes = head('POST', url, 'content-type: application/json', `content-length: ${SLOW_BYTES}`);
  open(10, index, Buffer.concat([Buffer.from(bytes), half]));
});
const idle = gently(values.idle, (index) => open(20, index, ''));
const unread = (async () => {
  const count = values.streams;
  const own = await sessions(Math.ceil(count / 4));
  if (own.length === 0) return;
  await gently(count, (index) => {
    const session = own[index % own.length] ?? '';
    const socket = open(
      30,
      index,
      head('GET', urlOf(index), 'accept: text/event-stream', `mcp-session-id: ${session}`),
    );
    socket.pause();
  });
})();
/** Each another one: what sessions have in common is kept once. */
const largest = (index: number): string =>
  JSON.stringify({
    ...INITIALIZE,
    params: {
      ...INITIALIZE.params,
      capabilities: { experimental: { filler: String(index).padEnd(values.initializeBytes, 'x') } },
    },
  });
let left = values.initializes;
const statuses: Record<number, number> = {};
const flood = Promise.all(
  Array.from({ length: 32 }, async (_, worker) => {
    while (left > 0) {
      const index = left--;
      const { status } = await exchange(urlOf(index).href, {
        headers: MCP_HEADERS,
        body: largest(index),
        from: addressOf(40 + worker, 0),
      });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }),
);
const told = (): void => console.log(`initializes ${JSON.stringify(statuses)}`);
await Promise.all([slow, idle, unread]);
console.log('started');
// Sockets that nobody reads keep no process alive. It ends by a signal alone.
process.once('SIGTERM', () => {
  told();
  process.exit();
});
setInterval(() => undefined, 60_000);
await flood;
told();
