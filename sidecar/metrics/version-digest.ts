import { createHash } from 'node:crypto';

/** One short version of many resources: equal on two nodes when they have the same of everything. */
export function versionDigest(versions: Readonly<Record<string, string>>): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
    .slice(0, 8);
}
