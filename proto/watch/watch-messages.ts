import * as z from 'zod';
import { OUTCOME_KINDS } from '../outcome.ts';
import { parseJson } from '../parse-json.ts';
import { LATENCY_BUCKETS } from './latency-buckets.ts';

/**
 * What control planes and sidecars tell each other while an operator watches calls (`holdfast top`, `holdfast tap`). Whoever can write to Redis can send
 * these: all of it is bounded. Never arguments, results, tokens, session ids or addresses of clients.
 */

/** A gateway tells of calls for so long after it was last asked to. */
export const WATCH_LEASE_MS = 5000;
/** Watches of one fleet at a time. */
export const MAX_WATCHES = 8;
/** Calls that one gateway tells of at a time, and how often. */
export const MAX_CALLS_AT_A_TIME = 250;
export const CALLS_EVERY_MS = 250;
/** Rows of the tables that one gateway keeps; calls beyond are counted under `other`. */
export const MAX_TALLIES = 1000;
export const TALLIES_EVERY_MS = 1000;
/** Kinds of outcome that one row may name. */
export const MAX_OUTCOMES = 2 * OUTCOME_KINDS.length;

const text = z.string().max(256);
/** Sums of it stay numbers that JSON knows. */
const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

export const callFilterSchema = z.strictObject({
  server: text.optional(),
  tool: text.optional(),
  /** Slots: one replica may have had several. */
  slots: z.array(text).max(64).optional(),
  outcome: z.enum(OUTCOME_KINDS).optional(),
});
export type CallFilter = z.infer<typeof callFilterSchema>;

const watchSchema = z.strictObject({
  /** Of one viewer; asked for again before the lease is over. */
  id: text,
  wants: z.enum(['calls', 'tallies']),
  filter: callFilterSchema,
});
export type Watch = z.infer<typeof watchSchema>;

const watchedCallSchema = z.object({
  /** No more than a date can be. */
  atMs: z.number().min(0).max(8.64e15),
  server: text,
  method: text,
  tool: text.nullable(),
  slot: text.nullable(),
  outcome: z.enum(OUTCOME_KINDS),
  status: z.number(),
  errorCode: z.number().nullable(),
  durationMs: z.number(),
  /** First digits of the digest. */
  session: text.nullable(),
  traceId: text.nullable(),
});
export type WatchedCall = z.infer<typeof watchedCallSchema>;

const tallySchema = z.object({
  server: text,
  /** The tool of a tool call, else the method. */
  name: text,
  slot: text.nullable(),
  /** A newer version may know other outcomes, though not many more. */
  outcomes: z
    .record(z.string().max(32), count)
    .refine((outcomes) => Object.keys(outcomes).length <= MAX_OUTCOMES, 'no call has so many outcomes'),
  /** Bucket → count of durations. */
  buckets: z.array(z.tuple([z.int().min(0).max(LATENCY_BUCKETS), count])).max(LATENCY_BUCKETS),
});
export type Tally = z.infer<typeof tallySchema>;

const reportSchema = z.object({
  node: text,
  calls: z.array(watchedCallSchema).max(MAX_CALLS_AT_A_TIME).default([]),
  /** Calls that matched and were not told of, since the last report. */
  dropped: count.default(0),
  tallies: z
    .array(tallySchema)
    .max(MAX_TALLIES + 1)
    .default([]),
});
export type WatchReport = z.infer<typeof reportSchema>;

/** Undefined for what is no message of this kind. */
export const readWatch = (message: string): Watch | undefined => watchSchema.safeParse(parseJson(message)).data;
export const readWatchReport = (message: string): WatchReport | undefined =>
  reportSchema.safeParse(parseJson(message)).data;

export const matches = (
  { server, tool, slots, outcome }: CallFilter,
  call: Pick<WatchedCall, 'server' | 'tool' | 'slot' | 'outcome'>,
): boolean =>
  (server === undefined || server === call.server) &&
  (tool === undefined || tool === call.tool) &&
  (slots === undefined || (call.slot !== null && slots.includes(call.slot))) &&
  (outcome === undefined || outcome === call.outcome);
