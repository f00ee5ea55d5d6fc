import type { AddressFamily } from './endpoint-slices.ts';

/**
 * How long the slices of the family in use may be away before the other one is taken. Their controller writes a
 * deleted slice again within this time.
 */
const HOLD_MS = 10_000;

/** Which family a source uses, and since when that one is away. */
export interface FamilyChoice {
  family: AddressFamily | null;
  awaySinceMs: number | null;
}

/**
 * The next choice, where `there` is the family that the slices speak for now (null: there are no endpoints). A change of the family changes every
 * address, which costs every session a rebuild: it happens only when the family in use stays away. `againInMs`: look again then, and change nothing until.
 */
export function chooseFamily(
  choice: FamilyChoice,
  there: AddressFamily | null,
  isConfigured: boolean,
  nowMs: number,
): FamilyChoice & { againInMs: number | null } {
  if (there === null || there === choice.family) return { family: choice.family, awaySinceMs: null, againInMs: null };
  const awaySinceMs = choice.awaySinceMs ?? nowMs,
    leftMs = awaySinceMs + HOLD_MS - nowMs;
  if (choice.family === null || isConfigured || leftMs <= 0)
    return { family: there, awaySinceMs: null, againInMs: null };
  return { family: choice.family, awaySinceMs, againInMs: leftMs };
}
