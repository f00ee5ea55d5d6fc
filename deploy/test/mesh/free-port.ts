import { createServer } from 'node:net';

/**
 * Ports below Linux's range for outgoing connections (32768 and up). Otherwise anybody's outgoing connection could take
 * a port that is free now before its process listens.
 */
const FIRST = 12_000;
const COUNT = 20_000;
/**
 * A process takes whole blocks, by listening on each block's first port until it ends. So of two side by side, neither
 * gets a port that the other is about to use.
 */
const BLOCK = 100;

let first = 0;
let next = BLOCK;
let taking: Promise<void> | undefined;

/** A loopback port that nobody listens on. It is given once, to one process. */
export async function freePort(): Promise<number> {
  for (;;) {
    while (next >= BLOCK) {
      taking ??= takeBlock().finally(() => {
        taking = undefined;
      });
      await taking;
    }
    const port = first + next++;
    if (await isFreePort(port)) return port;
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first one is random, so that processes side by side don't try the same in turn. */
async function takeBlock(): Promise<void> {
  const blocks = COUNT / BLOCK,
    start = Math.floor(Math.random() * blocks);
  for (let attempt = 0; attempt < blocks; attempt++) {
    const port = FIRST + ((start + attempt) % blocks) * BLOCK;
    if (!(await guard(port))) continue;
    first = port;
    next = 1;
    return;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`);
}

/** Listens there for as long as this process lives. */
function guard(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy()).unref();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
}
