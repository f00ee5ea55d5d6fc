import { parseJson } from '../../proto/parse-json.ts';
import type { Redis } from 'ioredis';
import * as z from 'zod';
import { CHANNEL } from '../../proto/wire.ts';

/** What a gateway saw of a replica. */
export const replicaReportSchema = z.object({
  server: z.string(),
  slot: z.string(),
  kind: z.enum(['unreachable', 'unknown-session', 'hanging']),
  count: z.number().default(1),
  node: z.string().default(''),
});
export type ReplicaReport = z.infer<typeof replicaReportSchema>;

/**
 * Hears the gateways' reports. `subscriber` is a connection of its own (a subscribed connection takes no other commands) that the caller opens and
 * closes; ioredis subscribes again after a lost connection.
 */
export async function hearReports(subscriber: Redis, onReport: (report: ReplicaReport) => void): Promise<void> {
  subscriber.on('message', (channel: string, text: string) => {
    if (channel !== CHANNEL.reports) return;
    const report = parseReport(text);
    if (report) onReport(report);
  });
  await subscriber.subscribe(CHANNEL.reports);
}

/** undefined when it is none: one bad message of a newer gateway must not stop the others. */
export function parseReport(text: string): ReplicaReport | undefined {
  return replicaReportSchema.safeParse(parseJson(text)).data;
}
