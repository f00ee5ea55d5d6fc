import type { Replica } from './start-replica.ts';
import { waitFor } from './wait-for.ts';

const requestsOf = async ({ url }: Replica): Promise<number> => {
  const stats = (await (await fetch(new URL('/__stats', url))).json()) as { requests: number };
  return stats.requests;
};

/** Sends a call, and resolves with its promise when the replica has it. */
export async function inFlight<T>(replica: Replica, send: () => Promise<T>): Promise<{ answer: Promise<T> }> {
  const before = await requestsOf(replica);
  const answer = send();
  await waitFor(async () => (await requestsOf(replica)) > before, { what: 'the replica has the call' });
  return { answer };
}
