import { connect, createServer } from 'node:net';

/** Leads connections on: node forward.ts FROM-HOST:PORT=TO-HOST:PORT … Says "ready" when all are listened on. */
const pairs = process.argv.slice(2).map((text) =>
  text.split('=').map((side) => {
    const [host, port] = side.split(':');
    return { host: host!, port: Number(port) };
  }),
);
await Promise.all(
  pairs.map(
    ([from, to]) =>
      new Promise<void>((resolve, reject) => {
        createServer((client) => {
          const target = connect(to!.port, to!.host);
          for (const [one, other] of [
            [client, target],
            [target, client],
          ] as const) {
            one.on('error', () => other.destroy());
            one.on('close', () => other.destroy());
          }
          client.pipe(target).pipe(client);
        })
          .on('error', reject)
          .listen(from!.port, from!.host, resolve);
      }),
  ),
);
console.log('ready');
