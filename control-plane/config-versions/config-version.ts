import { createHash } from 'node:crypto';
import * as z from 'zod';
import { REDACTED } from '../../proto/redact-url.ts';
import { credentialsOf, redactConfig } from './redact-config.ts';

/** One accepted configuration. `text` is the file as it was, with passwords of URLs taken out. */
export const configVersionSchema = z.object({
  version: z.int().min(1),
  acceptedAtMs: z.number(),
  node: z.string(),
  digest: z.string(),
  text: z.string(),
});
export type ConfigVersion = z.infer<typeof configVersionSchema>;

/** How many versions are kept. */
export const KEPT_VERSIONS = 100;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The list after a configuration was accepted; the same list when it is the newest one already. */
export function withVersion(
  versions: readonly ConfigVersion[],
  text: string,
  node: string,
  now: number,
): readonly ConfigVersion[] {
  const safe = redactConfig(text),
    digest = digestOf(safe),
    newest = versions.at(-1);
  if (newest?.digest === digest) return versions;
  return [...versions, { version: (newest?.version ?? 0) + 1, acceptedAtMs: now, node, digest, text: safe }].slice(
    -KEPT_VERSIONS,
  );
}

/** A kept text with the credentials that the present file uses; a problem when it can't be told which belong there. */
export function restoreCredentials(kept: string, present: string): { text: string } | { problem: string } {
  if (!kept.includes(REDACTED)) return { text: kept };
  const used = credentialsOf(present);
  const [credentials] = used;
  const restored = used.length === 1 ? kept.replaceAll(`${REDACTED}@`, () => `${credentials}@`) : kept;
  if (restored.includes(REDACTED))
    return {
      problem: `that version had credentials in a URL, which are not kept, and the present file has ${used.length === 0 ? 'none' : 'others'}: write the file yourself, from \`holdfast config show\``,
    };
  return { text: restored };
}
