/** Subscriptions kept per session: as many as a recovery puts back. */
export const MAX_SUBSCRIPTIONS = 100;
/** Characters of all their URIs together: about 300 for each of them. */
const MAX_SUBSCRIPTION_CHARACTERS = 32_768;

/** One more URI, which is not there yet, at the end. The oldest ones make room, so that no client makes its session's record arbitrarily large. */
export function withSubscription(subscriptions: readonly string[], uri: string): string[] {
  const kept = [...subscriptions.slice(1 - MAX_SUBSCRIPTIONS), uri];
  let characters = kept.reduce((sum, each) => sum + each.length, 0);
  while (kept.length > 1 && characters > MAX_SUBSCRIPTION_CHARACTERS) characters -= kept.shift()?.length ?? 0;
  return kept;
}
