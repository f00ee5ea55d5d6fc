import type { AddressInfo, Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const EVERY_MS = 20;

/**
 * Listens on a loopback port, and gives its number; 0 takes any. A port that a server of this process just gave back
 * may stay taken for some ms. Each child that is being started has a copy of its socket until its program runs.
 */
export async function listenOn(server: Server, port: number, backlog?: number): Promise<number> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await new Promise<void>((resolve, reject) => {
        server
          .once('error', reject)
          .listen({ port, host: '127.0.0.1', ...(backlog !== undefined && { backlog }) }, () => {
            server.off('error', reject);
            resolve();
          });
      });
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' || performance.now() > untilMs) throw error;
      await pause(EVERY_MS);
    }
  }
}
