import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';

/**
 * Writes a new token beside the Unix socket of ext_proc and gives it: anyone who can read that folder may drain this node. A web page, and another
 * container on the same loopback, can't. Synchronous: it runs once, before the admin port opens.
 */
export function writeDrainToken(socketPath: string): string {
  const token = randomBytes(24).toString('base64url');
  const file = drainTokenFile(socketPath);
  writeFileSync(`${file}.new`, token, { mode: 0o640 });
  renameSync(`${file}.new`, file);
  return token;
}

/** `/run/holdfast/ext-proc.sock` → `/run/holdfast/ext-proc.drain-token`. */
const drainTokenFile = (socketPath: string): string => `${socketPath.replace(/\.sock$/, '')}.drain-token`;

/** Whether `authorization` shows the token; compared in constant time. */
export function showsToken(authorization: string | undefined, token: string): boolean {
  const shown = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(shown), digest(token));
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
