const MINUTE_MS = 60_000;
const MOST_A_MINUTE = 50;

/**
 * Says whether an event of a kind is to be logged. Each kind is logged once a minute, and at most 50 kinds are, because
 * a stranger can make up any number.
 */
export function limitLog(now: () => number): (kind: string) => boolean {
  let since = Number.NEGATIVE_INFINITY;
  const logged = new Set<string>();
  return (kind) => {
    if (now() - since >= MINUTE_MS) {
      since = now();
      logged.clear();
    }
    if (logged.has(kind) || logged.size >= MOST_A_MINUTE) return false;
    logged.add(kind);
    return true;
  };
}
