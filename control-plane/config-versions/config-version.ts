import { createHash } from 'node:crypto';
import * as z from 'zod';

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

const CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)([^/@\s"']*)@/gi;
const MARK = '***';

/** Takes user and password out of every URL. */
export const withoutCredentials = (text: string): string => text.replace(CREDENTIALS, `$1${MARK}@`);

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The list after a configuration was accepted; the same list when it is the newest one already. */
export function withVersion(
  versions: readonly ConfigVersion[],
  text: string,
  node: string,
  now: number,
): readonly ConfigVersion[] {
  const safe = withoutCredentials(text),
    digest = digestOf(safe),
    newest = versions.at(-1);
  if (newest?.digest === digest) return versions;
  return [...versions, { version: (newest?.version ?? 0) + 1, acceptedAtMs: now, node, digest, text: safe }].slice(
    -KEPT_VERSIONS,
  );
}

/** A kept text with the credentials that the present file uses; a problem when it can't be told which belong there. */
export function restoreCredentials(kept: string, present: string): { text: string } | { problem: string } {
  if (!kept.includes(`${MARK}@`)) return { text: kept };
  const used = new Set([...present.matchAll(CREDENTIALS)].map(([, , credentials]) => credentials!));
  if (used.size !== 1)
    return {
      problem: `that version had credentials in a URL, which are not kept, and the present file has ${used.size === 0 ? 'none' : 'several'}: write the file yourself, from \`holdfast config show\``,
    };
  return { text: kept.replaceAll(`${MARK}@`, `${[...used][0]!}@`) };
}
