import { parseJson } from '../../../proto/parse-json.ts';
import { OWN_EVENT_ID } from '../../../proto/wire.ts';
import type { Identities } from '../../principal/identities.ts';

/** What such an id says of the call whose stream it primes. */
export interface PrimedCall {
  /** JSON text of the request's id. */
  idText: string;
  /** Slot of the replica that had it. */
  slot: string;
  /** The relay that held it, by the digest of its address. */
  relay: string;
  /** It may be sent again. */
  isSafe: boolean;
  /** JSON text of the call, where a gateway that has never seen it may send it again. */
  body: string | null;
}

/** The parts of an id that a mesh gave: whose it is, and what it says. An id of an earlier version has no mark. */
function partsOf(id: string): { mark: string | null; sealed: string } | null {
  if (!id.startsWith(OWN_EVENT_ID)) return null;
  const rest = id.slice(OWN_EVENT_ID.length),
    dot = rest.indexOf('.');
  return dot < 0 ? { mark: null, sealed: rest } : { mark: rest.slice(0, dot), sealed: rest.slice(dot + 1) };
}

/** Whether this mesh gave the id. A mesh behind this one gives such ids, too, and only it can read them. */
export function isOwnEventId(identities: Pick<Identities, 'isOwnMark'>, id: string): boolean {
  const parts = partsOf(id);
  return parts !== null && (parts.mark === null || identities.isOwnMark(parts.mark));
}

/** An event id that only this mesh can read, and that is valid for one session. */
export const eventIdOf = (
  identities: Pick<Identities, 'seal' | 'mark'>,
  digest: string,
  { idText, slot, relay, isSafe, body }: PrimedCall,
): string =>
  `${OWN_EVENT_ID}${identities.mark}.${identities.seal(JSON.stringify([idText, slot, relay, isSafe, body]), digest)}`;

/** Null: this mesh gave no such id to this session. */
export function readEventId(identities: Pick<Identities, 'unseal'>, digest: string, id: string): PrimedCall | null {
  const parts = partsOf(id);
  const text = parts && identities.unseal(parts.sealed, digest);
  const fields = text === null ? undefined : parseJson(text);
  if (!Array.isArray(fields)) return null;
  const [idText, slot, relay, isSafe, body] = fields;
  if (typeof idText !== 'string' || typeof slot !== 'string' || typeof relay !== 'string') return null;
  return { idText, slot, relay, isSafe: isSafe === true, body: typeof body === 'string' ? body : null };
}
