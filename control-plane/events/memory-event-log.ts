import { isAfter, KEPT_EVENTS, matches, newEvent, type EventLog, type MeshEvent } from './event.ts';

/** Events of one control plane alone; they end with it. */
export function memoryEventLog(now: () => number): EventLog {
  const events: MeshEvent[] = [];
  let lastMs = 0,
    count = 0;
  return {
    append(event) {
      const atMs = now();
      count = atMs > lastMs ? 0 : count + 1;
      lastMs = Math.max(lastMs, atMs);
      events.push(newEvent(event, `${lastMs}-${count}`, atMs));
      if (events.length > KEPT_EVENTS) events.shift();
    },
    async list(query = {}) {
      const { afterId, limit = 100 } = query;
      const found = events.filter(
        (event) => matches(event, query) && (afterId === undefined || isAfter(event.id, afterId)),
      );
      return afterId === undefined ? found.slice(-limit) : found.slice(0, limit);
    },
    stop: async () => {},
  };
}
