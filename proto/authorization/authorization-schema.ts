import * as z from 'zod';

const pattern = z.string().min(1).max(1024);
const patterns = (of: string) =>
  z.array(pattern).min(1).max(256).optional().describe(`${of}; \`*\` stands for any text.`);

/** One rule of a server. What it leaves out it does not ask for: a rule without a list is about everything. */
export const ruleSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, 1–63 characters')
    .describe('What refusals, metrics and `holdfast explain` call it.'),
  effect: z.enum(['allow', 'deny']).describe('A `deny` that fits goes before every `allow`.'),
  claims: z
    .record(z.string().min(1).max(256), z.array(z.string().min(1).max(256)).min(1).max(256))
    .default({})
    .describe(
      'Claims of the verified token, each with values of which one must be there: `{groups: [admins]}`. `a.b` is member b of claim a; `scope` is read as a list. Needs `jwt`.',
    ),
  tools: patterns('Tools of tools/call'),
  prompts: patterns('Prompts of prompts/get'),
  resources: patterns('URIs of resources/read and resources/subscribe'),
  methods: patterns('Methods, whatever they are about'),
});
export type Rule = z.infer<typeof ruleSchema>;

/** Below `servers[].authorization`. */
export const authorizationSchema = z.strictObject({
  mode: z
    .enum(['enforce', 'dry-run'])
    .default('enforce')
    .describe('dry-run: nothing is refused or cut; what would be is counted.'),
  default: z
    .enum(['deny', 'allow'])
    .default('deny')
    .describe(
      'What becomes of a request that no rule fits. Lists, log levels and what keeps a session going are allowed.',
    ),
  stepUp: z
    .boolean()
    .default(false)
    .describe(
      'Where only a `scope` is missing, answer 403 with `insufficient_scope` so that clients log in again for it. Clients with a fixed token take that for the end of the session.',
    ),
  rules: z.array(ruleSchema).max(1000).default([]).describe('In any order: a fitting `deny` wins.'),
});
export type Authorization = z.infer<typeof authorizationSchema>;
