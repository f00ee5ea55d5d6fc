import * as z from 'zod';
import { followEvents } from '../../events/follow-events.ts';
import { numberText, read, type Route } from '../route.ts';

const query = z.strictObject({
  server: z.string().optional(),
  kind: z.string().optional().describe('A kind, or the beginning of one up to a dot.'),
  after: z
    .string()
    .regex(/^\d+-\d+$/, 'the id of an event')
    .optional(),
  limit: numberText(1, 10_000).default(100),
  follow: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Lines of JSON (NDJSON) without an end: what comes from now on, or after `after`.'),
});

export const eventRoutes: Route[] = [
  read('/v1/events', 'What happened, oldest first.', query, ({ context, query: { follow, after, ...rest } }) => {
    const wanted = { ...rest, afterId: after };
    return follow === 'true'
      ? { stream: (signal: AbortSignal) => followEvents(context.events, wanted, signal) }
      : context.events.list(wanted);
  }),
];
