export interface LockEntry {
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  dev?: boolean;
  devOptional?: boolean;
}
export interface Lock {
  packages: Record<string, LockEntry>;
}

/**
 * Where Node finds `name` when the package at `from` asks for it. Undefined when it is not in the lock, as an optional
 * one of another system.
 */
function find({ packages }: Lock, name: string, from: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (packages[path]) return path;
    if (at === '') return undefined;
  }
}

const isOptionalPeer = (entry: LockEntry, name: string): boolean =>
  entry.peerDependenciesMeta?.[name]?.optional === true;

/** The part of a lock that the named packages need, at any distance, keys sorted. Throws when one of them is not locked. Pure. */
export function lockSubset(lock: Lock, names: readonly string[]): Record<string, LockEntry> {
  const found = new Set<string>();
  const wanted = names.map((name) => {
    const path = find(lock, name, '');
    if (path === undefined) throw new Error(`${name} is not in the lockfile`);
    return path;
  });
  for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
    const entry = lock.packages[path];
    if (entry === undefined || found.has(path)) continue;
    found.add(path);
    const peers = Object.keys(entry.peerDependencies ?? {}).filter((name) => !isOptionalPeer(entry, name));
    for (const name of [
      ...Object.keys(entry.dependencies ?? {}),
      ...Object.keys(entry.optionalDependencies ?? {}),
      ...peers,
    ]) {
      const next = find(lock, name, path);
      if (next !== undefined) wanted.push(next);
    }
  }
  return Object.fromEntries(
    [...found].sort().map((path) => {
      const { dev: _dev, devOptional: _devOptional, ...entry } = lock.packages[path] ?? {};
      return [path, entry];
    }),
  );
}
