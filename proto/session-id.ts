import { hash } from 'node:crypto';

/**
 * The session id that clients hold: `<slot>~<the replica's own Mcp-Session-Id>`. A session bound to a principal
 * carries the bound form of the slot (`<slot>p`). No slot ends with `p`, so Envoy's slot table does not know the bound
 * form, and such a request is always decided on.
 */
export interface SessionId {
  /** 1–7 characters of the slot alphabet, without the bound mark. */
  slot: string;
  isBound: boolean;
  /** The replica's id, unchanged: 1–1024 visible ASCII characters. In a bound id, a hash (clientSessionId). */
  upstreamId: string;
}

/** Alphabet of slots: no `p` (the bound mark). Slots are counters written in it. */
export const SLOT_ALPHABET = '0123456789abcdefghijklmnoqrstuvwxyz';
const BOUND_MARK = 'p';
const PATTERN = /^([0-9a-oq-z]{1,7})(p?)~([\x21-\x7e]{1,1024})$/;

/** Longest id that is looked at; anything longer is an unknown session. */
const SESSION_ID_MAX_LENGTH = 1033;

/** Reads a client's session id; undefined when it can't be one of ours. */
export function parseSessionId(text: string): SessionId | undefined {
  if (text.length > SESSION_ID_MAX_LENGTH) return undefined;
  const [, slot, mark, upstreamId] = PATTERN.exec(text) ?? [];
  if (slot === undefined || upstreamId === undefined) return undefined;
  return { slot, isBound: mark === BOUND_MARK, upstreamId };
}

/**
 * The id that the client gets for a new session. A bound one holds a hash in the place of the replica's id, which the
 * record has. With the replica's own id in it, anybody could remove the bound mark, and Envoy would pin the rest
 * without asking for the principal.
 */
export function clientSessionId({
  slot,
  upstreamId,
  principal,
}: {
  slot: string;
  upstreamId: string;
  principal: string | null;
}): string {
  if (principal === null) return formatSessionId({ slot, isBound: false, upstreamId });
  return formatSessionId({ slot, isBound: true, upstreamId: hash('sha256', JSON.stringify([principal, upstreamId])) });
}

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Whether the mesh can carry a session that a replica begins with this id. It must be able to read the client's, and to send the replica's own. */
export const isCarried = ({ clientId, upstreamId }: { clientId: string; upstreamId: string }): boolean =>
  VISIBLE_ASCII.test(upstreamId) && parseSessionId(clientId) !== undefined;

/** Why a session does not begin whose id is not carried. */
export const NOT_CARRIED =
  'The server gave its session an id that can’t be carried: it must be 1 to 1,024 visible ASCII characters (with servers[].jwt of any length)';

export function formatSessionId(id: SessionId): string {
  return `${id.slot}${id.isBound ? BOUND_MARK : ''}~${id.upstreamId}`;
}

/** The `count`-th slot name (0, 1, 2 …) in the slot alphabet. */
export function slotName(count: number): string {
  let rest = count,
    name = '';
  do {
    name = SLOT_ALPHABET.charAt(rest % SLOT_ALPHABET.length) + name;
    rest = Math.floor(rest / SLOT_ALPHABET.length);
  } while (rest > 0);
  return name;
}
