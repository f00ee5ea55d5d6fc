export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** One acknowledgement out of those of several replicas: what at least one of them delivers, all together do. The first one's in all else. */
export function mergeAcknowledgements(messages: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [first = {}] = messages,
    filter: Record<string, unknown> = {};
  for (const message of messages) {
    const its = members(members(message['params'])['notifications']);
    for (const [name, value] of Object.entries(its)) {
      const had = filter[name];
      if (Array.isArray(had) && Array.isArray(value))
        filter[name] = [...new Set([...(had as unknown[]), ...(value as unknown[])])];
      else if (had === undefined || value === true) filter[name] = value;
    }
  }
  return { ...first, params: { ...members(first['params']), notifications: filter } };
}

const members = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
