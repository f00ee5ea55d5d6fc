import { createServer } from 'node:net';

/**
 * Ports below Linux's range for outgoing connections (32768 and up): a port that is free now could otherwise be taken by anybody's
 * outgoing connection before its process listens. The first one is random, so that test processes side by side don't try the same.
 */
const FIRST = 12_000;
const COUNT = 20_000;
let next = Math.floor(Math.random() * COUNT);

/** A loopback port that nobody listens on; the same process is never given it twice in a row. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < COUNT; attempt++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await isFreePort(port)) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`);
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
