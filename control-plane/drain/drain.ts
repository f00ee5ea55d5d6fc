import * as z from 'zod';

/** What is taken out: one replica, a whole backend, or a gateway node. */
export const drainTargetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('replica'),
    server: z.string(),
    replica: z.string().describe('Its name, or its address.'),
  }),
  z.strictObject({ kind: z.literal('backend'), server: z.string(), backend: z.string() }),
  z.strictObject({ kind: z.literal('gateway'), gateway: z.string() }),
]);
export type DrainTarget = z.infer<typeof drainTargetSchema>;

export const drainSchema = z.object({
  target: drainTargetSchema,
  startedAtMs: z.number(),
  deadlineAtMs: z.number(),
  /** Take it in again by itself when a new incarnation of the replica is healthy: for a restart. */
  untilRestart: z.boolean(),
  /** Slot of a replica that was down already when its drain began: any other slot is a new incarnation. */
  downSlot: z.string().optional(),
  /** null while it drains. */
  doneAtMs: z.number().nullable(),
  reason: z.string(),
});
export type Drain = z.infer<typeof drainSchema>;
export const drainsSchema = z.array(drainSchema);

export const drainKey = (target: DrainTarget): string =>
  target.kind === 'gateway'
    ? `gateway ${target.gateway}`
    : target.kind === 'backend'
      ? `${target.server} backend ${target.backend}`
      : `${target.server} ${target.replica}`;
