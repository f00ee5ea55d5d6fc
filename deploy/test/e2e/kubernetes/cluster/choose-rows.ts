import { FIRST_STEPS } from './first-steps.ts';
import { POLICIES } from './policies.ts';
import { ROWS } from './rows.ts';

/** Everything that a run can play, in its order. */
export const EVENTS: readonly string[] = [FIRST_STEPS, POLICIES, ...ROWS.map(({ name }) => name)];

/** Those of the events whose name has one of these texts in it: `a,b`. All for an empty text; none when nothing has it. */
export function chooseEvents(text: string): readonly string[] {
  const parts = text.split(',').map((each) => each.trim());
  return EVENTS.filter((name) => parts.some((part) => name.includes(part)));
}
