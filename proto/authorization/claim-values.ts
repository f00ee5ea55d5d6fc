import type { Json } from '../parse-json.ts';

export type Claims = { readonly [name: string]: Json };

/** These are texts with spaces between values (RFC 8693, and what some issuers call it). */
const LISTS = new Set(['scope', 'scp']);

/** The values of a claim as texts: those of a list, a text, a number or a truth value. `a.b` is a member where no claim has that whole name. */
export function claimValues(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : memberOf(claims, name.split('.'));
  if (typeof value === 'string') return LISTS.has(name) ? value.split(' ').filter((each) => each !== '') : [value];
  return (Array.isArray(value) ? value : [value]).flatMap((each) =>
    typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean' ? [String(each)] : [],
  );
}

function memberOf(claims: Claims, path: readonly string[]): Json | undefined {
  let value: Json | undefined = claims as { [name: string]: Json };
  for (const step of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step))
      return undefined;
    value = value[step];
  }
  return value;
}
