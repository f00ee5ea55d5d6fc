import { parseJson } from './parse-json.ts';
import * as z from 'zod';
import { CHANNEL, REDIS } from './wire.ts';

/**
 * Breakers that the fleet shares, in the Redis hash `REDIS.breaker(server)`. Field `<level>/<key>` holds a
 * FleetBreaker, which is what the gateways decided. Field `order/<level>/<key>` holds a BreakerOrder of an operator,
 * which goes before. Each change is published on `CHANNEL.breakers` as a BreakerMessage.
 */
export const breakerLevelSchema = z.enum(['replica', 'tool']);
/** `key` is a slot (level replica) or the name of a tool (level tool). */
export interface BreakerKey {
  level: z.infer<typeof breakerLevelSchema>;
  key: string;
}

export const fleetBreakerSchema = z.object({
  state: z.enum(['closed', 'open', 'half-open']),
  /** Grows by one with each decision; a decision is taken only by who knew the one before. */
  generation: z.int().min(0),
  /** Openings in a row. Kept after closing, so that opening again at once lasts longer. */
  openings: z.int().min(0),
  /** When it was decided, and when an open one may be tried, in the decider's time. */
  sinceMs: z.number(),
  untilMs: z.number(),
  /** The gateway process that decided: the one that tries a breaker first. */
  by: z.string(),
});
export type FleetBreaker = z.infer<typeof fleetBreakerSchema>;

export const breakerOrderSchema = z.object({
  state: z.enum(['forced-open', 'disabled', 'observe']),
  /** Who ordered it, for people. */
  by: z.string(),
  atMs: z.number(),
});
export type BreakerOrder = z.infer<typeof breakerOrderSchema>;

/** `value` is the new text of the field; null when it was removed. */
export const breakerMessageSchema = z.object({ server: z.string(), field: z.string(), value: z.string().nullable() });
export type BreakerMessage = z.infer<typeof breakerMessageSchema>;

const ORDER = 'order/';
export const breakerField = ({ level, key }: BreakerKey): string => `${level}/${key}`;
export const orderField = (key: BreakerKey): string => ORDER + breakerField(key);

export type BreakerEntry = BreakerKey &
  ({ kind: 'decision'; decision: FleetBreaker | null } | { kind: 'order'; order: BreakerOrder | null });

/** Reads one field of the hash, or a message's; undefined when this version can't read it. */
export function readBreakerField(field: string, value: string | null): BreakerEntry | undefined {
  const isOrder = field.startsWith(ORDER);
  const name = isOrder ? field.slice(ORDER.length) : field;
  const slash = name.indexOf('/');
  const level = breakerLevelSchema.safeParse(name.slice(0, slash));
  const key = name.slice(slash + 1);
  if (!level.success || key === '') return undefined;
  if (value === null)
    return isOrder
      ? { level: level.data, key, kind: 'order', order: null }
      : { level: level.data, key, kind: 'decision', decision: null };
  const parsed = (isOrder ? breakerOrderSchema : fleetBreakerSchema).safeParse(parseJson(value));
  if (!parsed.success) return undefined;
  return isOrder
    ? { level: level.data, key, kind: 'order', order: parsed.data as BreakerOrder }
    : { level: level.data, key, kind: 'decision', decision: parsed.data as FleetBreaker };
}

/** One breaker as operators and the control plane see it: an order goes before what the gateways decided. */
export interface BreakerReport extends BreakerKey {
  server: string;
  state: FleetBreaker['state'] | BreakerOrder['state'];
  /** Whether requests must be decided on one by one: open, half open, forced open. */
  isNotClosed: boolean;
  decision: FleetBreaker | null;
  order: BreakerOrder | null;
}

/** The whole hash of one server (HGETALL). Fields that this version can't read are passed over. */
export function readBreakers(server: string, hash: Readonly<Record<string, string>>): BreakerReport[] {
  const found = new Map<string, BreakerReport>();
  for (const [field, value] of Object.entries(hash)) {
    const entry = readBreakerField(field, value);
    if (!entry) continue;
    const name = breakerField(entry);
    const report = found.get(name) ?? {
      server,
      level: entry.level,
      key: entry.key,
      state: 'closed',
      isNotClosed: false,
      decision: null,
      order: null,
    };
    if (entry.kind === 'order') report.order = entry.order;
    else report.decision = entry.decision;
    found.set(name, report);
  }
  for (const report of found.values()) {
    report.state = report.order?.state ?? report.decision?.state ?? 'closed';
    report.isNotClosed = report.state === 'open' || report.state === 'half-open' || report.state === 'forced-open';
  }
  return [...found.values()];
}

/** What a writer of an order must do: set (or, with null, delete) `field` of hash `hash`, then publish `message` on `channel`. */
export function breakerOrderWrite(
  server: string,
  key: BreakerKey,
  order: BreakerOrder | null,
): { hash: string; field: string; value: string | null; channel: string; message: string } {
  const field = orderField(key),
    value = order && JSON.stringify(order);
  return {
    hash: REDIS.breaker(server),
    field,
    value,
    channel: CHANNEL.breakers,
    message: JSON.stringify({ server, field, value } satisfies BreakerMessage),
  };
}

export function readBreakerMessage(text: string): (BreakerMessage & { entry: BreakerEntry }) | undefined {
  const message = breakerMessageSchema.safeParse(parseJson(text));
  const entry = message.success ? readBreakerField(message.data.field, message.data.value) : undefined;
  return message.success && entry ? { ...message.data, entry } : undefined;
}
