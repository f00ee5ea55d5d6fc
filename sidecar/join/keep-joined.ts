import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join as inFolder } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import * as z from 'zod';
import { JOINED_FILES } from '../../proto/join.ts';
import { parseJson } from '../../proto/parse-json.ts';
import { joinMesh, writeJoined } from './join-mesh.ts';

const sourceSchema = z.object({ controlPlane: z.string(), tokenFile: z.string() });
/** A renewal may be late by three quarters of the certificate's life. */
const RENEWED_AFTER = 0.25;
const LOOK_MS = 60_000;

export interface KeepOptions {
  folder: string;
  log: Pick<Logger, 'info' | 'warn'>;
  onResult(result: 'renewed' | 'failed'): void;
  now?: () => number;
  lookMs?: number;
}

/** Renews the certificate of a pod that joined, long before it ends: whatever keeps the control planes away may last for weeks. Returns the way to stop. */
export function keepJoined(options: KeepOptions): () => Promise<void> {
  const { folder, log, onResult, now = Date.now, lookMs = LOOK_MS } = options;
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    let problem: string | null = null;
    while (!stopping.signal.aborted) {
      try {
        if (await isDue(folder, now())) {
          await renew(folder);
          onResult('renewed');
          log.info('this node’s certificate was renewed');
        }
        problem = null;
      } catch (error) {
        const { message } = error as Error;
        onResult('failed');
        if (message !== problem) log.warn({ problem: message }, 'this node’s certificate can’t be renewed yet');
        problem = message;
      }
      await sleep(lookMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };
  const ended = run();
  return () => {
    stopping.abort();
    return ended;
  };
}

async function isDue(folder: string, nowMs: number): Promise<boolean> {
  const { validFromDate, validToDate } = new X509Certificate(await readFile(inFolder(folder, 'tls.crt')));
  const from = validFromDate.getTime();
  return nowMs >= from + RENEWED_AFTER * (validToDate.getTime() - from);
}

async function renew(folder: string): Promise<void> {
  const source = sourceSchema.parse(parseJson(await readFile(inFolder(folder, JOINED_FILES.source), 'utf8')));
  const authorities = await readFile(inFolder(folder, 'ca.crt'), 'utf8');
  await writeJoined(folder, await joinMesh({ ...source, authorities }), source);
}
