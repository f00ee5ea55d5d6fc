import { parseJson } from '../../../proto/parse-json.ts';
import type { Identities } from '../../principal/identities.ts';

/** How the ids begin that the mesh itself gives to events. */
const PREFIX = 'hf1.';

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
}

export const isMeshEventId = (id: string): boolean => id.startsWith(PREFIX);

/** An event id that only this mesh can read, and that is valid for one session. */
export const eventIdOf = (
  identities: Pick<Identities, 'seal'>,
  digest: string,
  { idText, slot, relay, isSafe }: PrimedCall,
): string => PREFIX + identities.seal(JSON.stringify([idText, slot, relay, isSafe]), digest);

/** Null: this mesh gave no such id to this session. */
export function readEventId(identities: Pick<Identities, 'unseal'>, digest: string, id: string): PrimedCall | null {
  const text = isMeshEventId(id) ? identities.unseal(id.slice(PREFIX.length), digest) : null;
  const fields = text === null ? undefined : parseJson(text);
  if (!Array.isArray(fields)) return null;
  const [idText, slot, relay, isSafe] = fields;
  if (typeof idText !== 'string' || typeof slot !== 'string' || typeof relay !== 'string') return null;
  return { idText, slot, relay, isSafe: isSafe === true };
}
