import type { Finding } from './finding.ts';

/** How many breaks of a rule today's code has. A rule that is not named allows none. */
export type Ratchet = Readonly<Record<string, number>>;

/** Of one rule, at most so many places are told. */
const MAX_PLACES = 12;

function byRule(findings: readonly Finding[]): Map<string, Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) groups.set(finding.rule, [...(groups.get(finding.rule) ?? []), finding]);
  return groups;
}

/**
 * Lines that say which rules are broken more often than the ratchet allows; empty when none is.
 * `isNear` tells the places that the author just changed: they are told first, because a count does not say which break is new. Pure.
 */
export function ratchetProblems(
  findings: readonly Finding[],
  allowed: Ratchet,
  isNear: (place: string) => boolean = () => false,
): string[] {
  return [...byRule(findings)].flatMap(([rule, found]) => {
    const limit = allowed[rule] ?? 0;
    if (found.length <= limit) return [];
    const near = found.filter(({ place }) => isNear(place));
    const told = near.length > 0 ? near : found;
    return [
      `${rule}: ${found.length} found, ${limit} allowed`,
      ...told.slice(0, MAX_PLACES).map(({ place, message }) => `  ${place}: ${message}`),
      ...(told.length > MAX_PLACES ? [`  and ${told.length - MAX_PLACES} more`] : []),
    ];
  });
}

/** The ratchet after the findings: each count falls to what was found and never rises. Rules outside `judged` stay as they are. Pure. */
export function tightened(findings: readonly Finding[], allowed: Ratchet, judged: (rule: string) => boolean): Ratchet {
  const groups = byRule(findings);
  return Object.fromEntries(
    Object.entries(allowed)
      .map(([rule, limit]) => [rule, judged(rule) ? Math.min(limit, groups.get(rule)?.length ?? 0) : limit] as const)
      .filter(([, limit]) => limit > 0),
  );
}
