import type { Kubectl } from './kubectl.ts';

interface Event {
  type: string;
  reason: string;
  message: string;
  involvedObject: { kind: string; namespace?: string; name: string };
  lastTimestamp: string | null;
  eventTime: string | null;
}
/** What explains why a call was not answered: pods that end, fail a probe, or start. */
const TOLD = new Set(['Killing', 'Started', 'Scheduled']);

/** What the cluster says of its pods since then, in the order of time, for people. */
export async function eventsSince(kubectl: Kubectl, fromMs: number): Promise<string[]> {
  const { items } = await kubectl.get<{ items: Event[] }>('events', '--all-namespaces');
  return items
    .filter(({ type, reason }) => type === 'Warning' || TOLD.has(reason))
    .map((event) => ({ event, atMs: Date.parse(event.lastTimestamp ?? event.eventTime ?? '') }))
    .filter(({ atMs }) => atMs >= fromMs)
    .sort((one, other) => one.atMs - other.atMs)
    .map(
      ({ event: { reason, message, involvedObject }, atMs }) =>
        `${((atMs - fromMs) / 1000).toFixed(0)} s: ${reason} ${involvedObject.name}: ${message.slice(0, 160)}`,
    );
}
