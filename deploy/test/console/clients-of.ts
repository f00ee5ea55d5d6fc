import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../clients/connect-client.ts';
import type { Mesh } from '../mesh/start-mesh.ts';

export interface Callers {
  /** Calls that failed so far. */
  readonly failed: number;
  stop(): Promise<void>;
}

/** Official clients that call all the time, each with one session, over all gateways in turn. */
export async function callers(mesh: Mesh, server: string, count: number, everyMs = 150): Promise<Callers> {
  let isOver = false,
    failed = 0;
  const clients = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      connectClient({ kind: 'v1', url: mesh.url(server, index % mesh.gateways.length), timeoutMs: 20_000 }),
    ),
  );
  const loops = clients.map(async (client) => {
    while (!isOver) {
      await client.callTool('whoami').catch(() => {
        failed++;
      });
      await sleep(everyMs);
    }
    await client.close().catch(() => undefined);
  });
  return {
    get failed() {
      return failed;
    },
    async stop() {
      isOver = true;
      await Promise.all(loops);
    },
  };
}
