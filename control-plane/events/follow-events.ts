import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, EventQuery, MeshEvent } from './event.ts';

/** How often new events are looked for while somebody follows. */
const POLL_MS = 300;

/** Matching events as they come, starting after `afterId`, or with the next one. Ends when `signal` says so. While the log can't be read it waits. */
export async function* followEvents(log: EventLog, query: EventQuery, signal: AbortSignal): AsyncGenerator<MeshEvent> {
  let afterId = query.afterId;
  while (!signal.aborted) {
    try {
      afterId ??= (await log.list({ limit: 1 })).at(-1)?.id ?? '0-0';
      const found = await log.list({ ...query, afterId, limit: 500 });
      for (const event of found) {
        yield event;
        afterId = event.id;
      }
      if (found.length > 0) continue;
    } catch {
      /* read again below */
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
