const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * `circuitBreaker` sets the defaults of every server's breakers, so it is written below them before the schema fills in its own.
 * `enabled: false` there switches all of them off, whatever a server says.
 */
export function applyBreakerTwins(raw: Record<string, unknown>): void {
  const shared = raw['circuitBreaker'];
  if (!isMapping(shared) || !Array.isArray(raw['servers'])) return;
  for (const server of raw['servers']) {
    if (!isMapping(server)) continue;
    for (const level of ['replicaBreaker', 'toolBreaker']) {
      const own = server[level] ?? {};
      if (isMapping(own)) server[level] = mergedBreaker(own, shared);
    }
  }
}

/** A breaker's own settings over the shared ones. */
function mergedBreaker(own: Record<string, unknown>, shared: Record<string, unknown>): Record<string, unknown> {
  const merged: Record<string, unknown> = {
    ...(own['form'] === 'rate'
      ? { timeoutMs: shared['timeoutMs'] }
      : { threshold: shared['threshold'], timeoutMs: shared['timeoutMs'] }),
    ...own,
  };
  if (shared['enabled'] === false) merged['enabled'] = false;
  const timeoutMs = merged['timeoutMs'];
  // A longer first time than the longest one makes no sense: the limit follows when nobody set it.
  if (typeof timeoutMs === 'number' && timeoutMs > 300_000 && own['maxTimeoutMs'] === undefined)
    merged['maxTimeoutMs'] = timeoutMs;
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}
