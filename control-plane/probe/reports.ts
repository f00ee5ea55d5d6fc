import { parseJson } from '../../proto/parse-json.ts';
import * as z from 'zod';

/** What a gateway saw of a replica. */
export const replicaReportSchema = z.object({
  server: z.string(),
  slot: z.string(),
  kind: z.enum(['unreachable', 'unknown-session', 'hanging']),
  count: z.number().default(1),
  node: z.string().default(''),
});
export type ReplicaReport = z.infer<typeof replicaReportSchema>;

/** undefined when it is none: one bad message of a newer gateway must not stop the others. */
export function parseReport(text: string): ReplicaReport | undefined {
  return replicaReportSchema.safeParse(parseJson(text)).data;
}
