import { FIRST_STEPS } from './first-steps.ts';
import { POLICIES } from './policies.ts';
import { ROWS } from './rows.ts';

/** Everything that a run can play, in its order. */
export const EVENTS: readonly string[] = [FIRST_STEPS, POLICIES, ...ROWS.map(({ name }) => name)];

const ON_DEMAND = new Set(ROWS.flatMap(({ name, isOnDemand }) => (isOnDemand ? [name] : [])));

/**
 * Those of the events whose name has one of these texts in it: `a,b`. A name may have the comma itself. For an empty text all but those that take
 * too long; none when nothing has it.
 */
export function chooseEvents(text: string): readonly string[] {
  if (text.trim() === '') return EVENTS.filter((name) => !ON_DEMAND.has(name));
  const whole = text.trim();
  const parts = EVENTS.some((name) => name.includes(whole)) ? [whole] : text.split(',').map((each) => each.trim());
  return EVENTS.filter((name) => parts.some((part) => name.includes(part)));
}
