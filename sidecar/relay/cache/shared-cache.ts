import { LRUCache } from 'lru-cache';
import { eachMember, skipSpace } from '../../../proto/json-scan.ts';

interface Entry {
  method: string;
  uri: string | null;
  beforeTtl: Buffer;
  afterTtl: Buffer;
  untilMs: number;
  bytes: number;
}

/** Limits of one process: results beyond them are simply not kept; the least recently used go first. */
const MAX_RESULT_BYTES = 1 << 20,
  MAX_TOTAL_BYTES = 64 << 20,
  MAX_ENTRIES = 10_000;
/** A result is kept this long at most, whatever it allows. */
const MAX_TTL_MS = 3_600_000;
const NUMBER = /^[0-9]{1,15}$/;

/** Methods whose results a notification makes old. */
const OUTDATES: Readonly<Record<string, readonly string[]>> = {
  'notifications/tools/list_changed': ['tools/list'],
  'notifications/prompts/list_changed': ['prompts/list'],
  'notifications/resources/list_changed': ['resources/list', 'resources/templates/list'],
};

/** Results of 2026-07-28 that say `cacheScope: public` and a ttl, served to anyone until then. Their bytes stay as they are but for the ttl that is left. */
export class SharedCache {
  readonly #entries = new LRUCache<string, Entry>({
    max: MAX_ENTRIES,
    maxSize: MAX_TOTAL_BYTES,
    sizeCalculation: ({ bytes }) => bytes,
  });
  /** Grows with each change: an answer that was asked for before it is not kept. */
  #changes = 0;

  get size(): number {
    return this.#entries.size;
  }
  get changes(): number {
    return this.#changes;
  }

  /** The whole answer to a request with this id; null when there is none. */
  find(server: string, key: string, idText: string, nowMs: number): Buffer | null {
    const name = `${server}/${key}`,
      entry = this.#entries.get(name);
    if (!entry) return null;
    if (entry.untilMs <= nowMs) {
      this.#entries.delete(name);
      return null;
    }
    return Buffer.concat([
      Buffer.from(`{"jsonrpc":"2.0","id":${idText},"result":`),
      entry.beforeTtl,
      Buffer.from(String(Math.floor(entry.untilMs - nowMs))),
      entry.afterTtl,
      CLOSE,
    ]);
  }

  /** Keeps what an answer says may be kept. `changes`: as it was when the request was sent. */
  offer(
    server: string,
    key: string,
    of: { method: string; uri: string | null },
    answer: Buffer,
    changes: number,
    nowMs: number,
  ): boolean {
    if (changes !== this.#changes || answer.length > MAX_RESULT_BYTES) return false;
    const cut = cutAtTtl(answer);
    if (!cut) return false;
    const name = `${server}/${key}`;
    const beforeTtl = Buffer.from(cut.beforeTtl),
      afterTtl = Buffer.from(cut.afterTtl),
      bytes = beforeTtl.length + afterTtl.length + name.length;
    this.#entries.set(name, {
      ...of,
      beforeTtl,
      afterTtl,
      untilMs: nowMs + Math.min(cut.ttlMs, MAX_TTL_MS),
      bytes,
    });
    return true;
  }

  /** A server said that something changed. */
  changed(server: string, method: string | null, uri: string | null): void {
    const methods = method === null ? undefined : OUTDATES[method],
      isOneResource = method === 'notifications/resources/updated';
    if (!methods && !isOneResource) return;
    this.#changes++;
    for (const [name, entry] of [...this.#entries]) {
      if (
        name.startsWith(`${server}/`) &&
        (methods ? methods.includes(entry.method) : entry.method === 'resources/read' && entry.uri === uri)
      )
        this.#entries.delete(name);
    }
  }

  /** All of a server's results, and those on their way. */
  forget(server: string): void {
    this.#changes++;
    for (const name of [...this.#entries.keys()]) if (name.startsWith(`${server}/`)) this.#entries.delete(name);
  }
}

const CLOSE = Buffer.from('}');

/** The result's bytes before and after the value of its `ttlMs`; null when it must not be kept. */
function cutAtTtl(answer: Buffer): { beforeTtl: Buffer; afterTtl: Buffer; ttlMs: number } | null {
  let from = -1,
    to = -1,
    isError = false;
  eachMember(answer, skipSpace(answer, 0), (name, start, end) => {
    if (name === 'result') {
      from = start;
      to = end;
    } else if (name === 'error') isError = true;
  });
  if (from < 0 || isError) return null;
  let isPublic = false,
    isComplete = true,
    ttlFrom = -1,
    ttlTo = -1,
    ttls = 0;
  const end = eachMember(answer, from, (name, start, stop) => {
    const text = (): string => answer.toString('latin1', start, stop);
    if (name === 'cacheScope') isPublic = text() === '"public"';
    else if (name === 'resultType') isComplete = text() === '"complete"';
    else if (name === 'ttlMs') {
      ttlFrom = start;
      ttlTo = stop;
      ttls++;
    }
  });
  const ttlText = answer.toString('latin1', ttlFrom < 0 ? 0 : ttlFrom, ttlFrom < 0 ? 0 : ttlTo);
  if (end !== to || !isPublic || !isComplete || ttls !== 1 || !NUMBER.test(ttlText) || Number(ttlText) === 0)
    return null;
  return { beforeTtl: answer.subarray(from, ttlFrom), afterTtl: answer.subarray(ttlTo, to), ttlMs: Number(ttlText) };
}
