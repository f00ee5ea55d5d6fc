import type { DiscoveredReplica, SourceReport } from './source.ts';

export const nothingYet: SourceReport = { replicas: null, problem: null, confirmedAtMs: null };

/** After an answer: these replicas and no others, each address and each name once. */
export function withReplicas(found: readonly DiscoveredReplica[], now: number): SourceReport {
  const names = new Set<string>(),
    addresses = new Set<string>(),
    replicas: DiscoveredReplica[] = [];
  for (const each of [...found].sort(byName)) {
    if (names.has(each.name) || addresses.has(each.address)) continue;
    names.add(each.name);
    addresses.add(each.address);
    replicas.push(each);
  }
  return { replicas, problem: null, confirmedAtMs: now };
}

/** After a failure: what was known stays, and the report says that it may be old. */
export const withProblem = (report: SourceReport, problem: string): SourceReport => ({ ...report, problem });

/** Whether anybody must act on the difference; a mere confirmation is none. */
export function isChange(before: SourceReport, after: SourceReport): boolean {
  return before.problem !== after.problem || JSON.stringify(before.replicas) !== JSON.stringify(after.replicas);
}

const byName = (one: DiscoveredReplica, other: DiscoveredReplica): number =>
  one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
