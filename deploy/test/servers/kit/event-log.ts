import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

interface LoggedEvent {
  id: string;
  stream: string;
  message: JSONRPCMessage;
}

/** The last `max` events of one session, for Last-Event-ID. Ids are numbers: their order is the order of sending. */
export function eventLog(max = 1000): EventStore {
  const events: LoggedEvent[] = [];
  let next = 0;
  const find = (id: string): LoggedEvent | undefined => events.find((event) => event.id === id);
  return {
    async storeEvent(stream, message) {
      const id = String(next++);
      events.push({ id, stream, message });
      if (events.length > max) events.shift();
      return id;
    },
    async getStreamIdForEventId(id) {
      return find(id)?.stream;
    },
    async replayEventsAfter(lastEventId, { send }) {
      const last = find(lastEventId);
      if (!last) throw new Error(`no event ${lastEventId}: it is unknown, or older than the last ${max}`);
      const missed = events.slice(events.indexOf(last) + 1).filter((event) => event.stream === last.stream);
      for (const { id, message } of missed) {
        // A priming event is stored as an empty object and is not a message.
        if ('jsonrpc' in message) await send(id, message);
      }
      return last.stream;
    },
  };
}
