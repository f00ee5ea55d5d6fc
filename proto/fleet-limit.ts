import * as z from 'zod';

/** Below `servers[].fleetLimits`: calls that the whole fleet may let through. */
export const fleetLimitSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, 1–63 characters')
    .describe('What refusals call it.'),
  per: z
    .array(z.enum(['principal', 'tool']))
    .default(['principal'])
    .describe(
      'What is counted apart: each principal (without one, each client address), each tool, each pair of them. Empty: all together.',
    ),
  tools: z
    .array(z.string().min(1).max(1024))
    .min(1)
    .max(256)
    .optional()
    .describe('Tools whose calls count; `*` stands for any text. All when absent.'),
  requests: z.int().min(1).max(1_000_000).describe('Calls allowed per interval.'),
  perMs: z.int().min(1).max(86_400_000).default(1000).describe('Length of the interval.'),
  burst: z.int().min(1).max(1_000_000).optional().describe('Calls at once; `requests` when absent.'),
});
export type FleetLimit = z.infer<typeof fleetLimitSchema>;
