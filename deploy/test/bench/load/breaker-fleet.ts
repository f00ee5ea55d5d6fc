import { connectRedis, whenReady } from '../../../../proto/redis/redis-client.ts';
import { sampleOutcome } from '../../../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../../../proto/server-policy.ts';
import { SharedBreakers } from '../../../../sidecar/breaker/shared-breakers.ts';
import { createMetrics } from '../../../../sidecar/metrics/metrics.ts';
import { startRedis } from '../../mesh/start-redis.ts';

const GATEWAYS = 3;
const OPENINGS = 300;
const FAULTS = 5;

/** How long, in ms, each of some openings took to be in force on every one of three gateways that share a real Redis. */
export async function openingTimesMs(): Promise<number[]> {
  const redis = await startRedis();
  const closers: (() => void)[] = [];
  try {
    const gateways = await Promise.all(
      Array.from({ length: GATEWAYS }, async (_, index) => {
        const client = connectRedis(redis.url);
        if (!(await whenReady(client, 10_000))) throw new Error('Redis did not answer within 10 s');
        const shared = new SharedBreakers({
          self: `g${index}`,
          redis: client,
          now: Date.now,
          isSlot: () => true,
          isListed: () => true,
          isAlive: () => Promise.resolve(true),
          onError: () => {},
          metrics: createMetrics({ version: '0', nodeId: `g${index}`, isProcessMeasured: false }),
        });
        closers.push(() => {
          shared.close();
          client.disconnect();
        });
        const { breakers } = shared;
        breakers.configure(
          serverPolicySchema.parse({ name: 'linear', replicaBreaker: { minSessions: 1, minClients: 1 } }),
        );
        return { breakers, client };
      }),
    );
    while (
      Number(((await gateways[0]!.client.call('PUBSUB', 'NUMSUB', 'holdfast:channel:breakers')) as unknown[])[1]) <
      GATEWAYS
    )
      await new Promise(setImmediate);
    const times: number[] = [];
    for (let i = 0; i < OPENINGS; i++) {
      const slot = String(i),
        startedAtMs = Date.now();
      const fault = sampleOutcome({ kind: 'replica_fault', slot, tool: null, status: 503, startedAtMs });
      const start = performance.now();
      for (let j = 0; j < FAULTS; j++) gateways[i % GATEWAYS]!.breakers.observe(fault, Date.now());
      while (gateways.some(({ breakers }) => breakers.peek('linear', slot, Date.now()) !== 'rejects')) {
        if (performance.now() - start > 10_000) throw new Error(`opening ${i} did not reach every gateway within 10 s`);
        await new Promise(setImmediate);
      }
      times.push(performance.now() - start);
    }
    return times;
  } finally {
    for (const close of closers) close();
    await redis.close();
  }
}
