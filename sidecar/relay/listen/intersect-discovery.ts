/** What all of several `server/discover` results say: versions that all speak, capabilities that all have. All else is the first one's. */
export function intersectDiscovery(results: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [first = {}, ...others] = results;
  return others.reduce<Record<string, unknown>>((common, other) => {
    const versions = list(common['supportedVersions']).filter((version) =>
      list(other['supportedVersions']).includes(version),
    );
    return {
      ...common,
      // Without a common version nothing true can be said: the client learns of the first replica's, and may meet it.
      ...(versions.length > 0 && { supportedVersions: versions }),
      ...(isObject(common['capabilities']) &&
        isObject(other['capabilities']) && { capabilities: both(common['capabilities'], other['capabilities']) }),
      ...(typeof common['ttlMs'] === 'number' &&
        typeof other['ttlMs'] === 'number' && { ttlMs: Math.min(common['ttlMs'], other['ttlMs']) }),
      ...(other['cacheScope'] === 'private' && { cacheScope: 'private' }),
    };
  }, first);
}

/** Capabilities are objects of flags and settings: a flag holds when both have it; of two settings that differ none can be promised. */
function both(one: Record<string, unknown>, other: Record<string, unknown>): Record<string, unknown> {
  const common: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(one)) {
    if (!Object.hasOwn(other, name)) continue;
    const its = other[name];
    if (isObject(value) && isObject(its)) common[name] = both(value, its);
    else if (typeof value === 'boolean' && typeof its === 'boolean') common[name] = value && its;
    else if (JSON.stringify(value) === JSON.stringify(its)) common[name] = value;
  }
  return common;
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
