import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as z from 'zod';
import { parseJson, parseJsonObject } from '../../proto/parse-json.ts';

/** One Redis key as Redis itself serializes it (DUMP). `ttlMs` null: it does not expire. */
export interface BackupEntry {
  key: string;
  ttlMs: number | null;
  dump: Buffer;
}
const headerSchema = z.object({
  format: z.literal('holdfast-backup'),
  version: z.number(),
  createdAt: z.string(),
  node: z.string(),
  keys: z.number(),
});
const entrySchema = z.object({ key: z.string(), ttlMs: z.number().nullable(), dump: z.string() });
export type BackupHeader = z.infer<typeof headerSchema>;
export interface Backup {
  header: BackupHeader;
  entries: BackupEntry[];
}
export type ReadBackup =
  | { kind: 'ok'; backup: Backup }
  | { kind: 'damaged'; why: string }
  | { kind: 'newer'; why: string };

/** Gzipped lines: header, one line for each key, and a last line with the SHA-256 of all before it. */
export function writeArchive(entries: readonly BackupEntry[], from: { createdAt: Date; node: string }): Buffer {
  const header: BackupHeader = {
    format: 'holdfast-backup',
    version: 1,
    createdAt: from.createdAt.toISOString(),
    node: from.node,
    keys: entries.length,
  };
  const lines = [
    JSON.stringify(header),
    ...entries.map(({ key, ttlMs, dump }) => JSON.stringify({ key, ttlMs, dump: dump.toString('base64') })),
  ];
  const body = `${lines.join('\n')}\n`;
  return gzipSync(`${body}${JSON.stringify({ sha256: digest(body) })}\n`);
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Reads an archive as a whole: either all of it is as it was written, or nothing of it is used. */
export function readArchive(bytes: Buffer): ReadBackup {
  let text: string;
  try {
    text = gunzipSync(bytes).toString('utf8');
  } catch (error) {
    return { kind: 'damaged', why: `it can't be unpacked: ${(error as Error).message}` };
  }
  const at = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, at);
  try {
    if (parseJsonObject(text.slice(at))?.['sha256'] !== digest(body))
      return { kind: 'damaged', why: 'its checksum does not agree with its content' };
    const [first = '', ...rest] = body.trimEnd().split('\n');
    const header = headerSchema.safeParse(parseJson(first)).data;
    if (!header) return { kind: 'damaged', why: 'it is not a backup of Holdfast' };
    if (header.version > 1)
      return {
        kind: 'newer',
        why: `it is of version ${header.version}, this Holdfast reads version 1: restore it with the version that wrote it`,
      };
    const entries = rest.map((line) => {
      const { key, ttlMs, dump } = entrySchema.parse(parseJson(line));
      return { key, ttlMs, dump: Buffer.from(dump, 'base64') };
    });
    if (entries.length !== header.keys)
      return { kind: 'damaged', why: `it should hold ${header.keys} keys and holds ${entries.length}` };
    return { kind: 'ok', backup: { header, entries } };
  } catch (error) {
    return { kind: 'damaged', why: `it ends early or is not what was written: ${(error as Error).message}` };
  }
}
