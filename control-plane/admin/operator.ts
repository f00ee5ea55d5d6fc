import type { IncomingHttpHeaders } from 'node:http';

/** Names who acts; percent-encoded. It is what they say of themselves: the token alone gives the right. */
export const OPERATOR_HEADER = 'x-holdfast-by';
const UNNAMED = 'admin API';
const MAX_NAME = 100;
/** Control characters, and those that turn the direction of text. */
const UNSHOWN = /[\p{C}\u2028\u2029]/gu;

/** Who an action is written down for, in the events. */
export function operatorOf(headers: IncomingHttpHeaders): string {
  const sent = headers[OPERATOR_HEADER];
  if (typeof sent !== 'string') return UNNAMED;
  const name = decoded(sent).replace(UNSHOWN, ' ').trim().slice(0, MAX_NAME);
  return name === '' ? UNNAMED : name;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
