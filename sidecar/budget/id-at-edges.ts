import { rawJson } from '../../proto/raw-json.ts';
import type { RpcId } from '../../proto/rpc-error.ts';

/** How much of a body's beginning and end is looked at. */
export const EDGE_BYTES = 512;

const ID = String.raw`"id"\s*:\s*(-?\d{1,40}|"[^"\\]{0,200}")`;
/** Only texts stand before a key that this finds, so it is one of the message itself. */
const FIRST_KEYS = String.raw`^\s*\{(?:\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|-?\d+)\s*,)*\s*`;
const HEAD_ID = new RegExp(String.raw`${FIRST_KEYS}${ID}\s*[,}]`);
const HEAD_METHOD = new RegExp(String.raw`${FIRST_KEYS}"method"\s*:`);
/** The brace that closes the message is its last one, so what stands before it is the message's as well. */
const TAIL_ID = new RegExp(String.raw`[,{]\s*${ID}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`);

/**
 * The id of a request whose body is too large to be read, from its first and last bytes. Official clients write it at
 * the beginning or the end. Null for anything else than a single request, and for an id somewhere in between. `tail`
 * is null while the end is not known.
 */
export function idAtEdges(head: Buffer, tail: Buffer | null): RpcId {
  const first = head.toString('utf8');
  if (!HEAD_METHOD.test(first)) return null;
  const text = (HEAD_ID.exec(first) ?? (tail && TAIL_ID.exec(tail.toString('utf8'))))?.[1];
  if (text === undefined) return null;
  return text.startsWith('"') ? text.slice(1, -1) : rawJson(text);
}
