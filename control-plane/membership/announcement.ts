import { hostOf, isLoopback } from '../../proto/identity/host.ts';
import type { GatewayNode } from '../topology/topology.ts';
import type { Peer } from './peer.ts';

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What a sidecar says of its node, in `node.metadata.holdfast` of its stream. */
export const readAnnouncement = (id: string, metadata: Readonly<Record<string, unknown>>): GatewayNode => ({
  id,
  relay: texts(metadata['relay']),
  isRelayTls: metadata['isRelayTls'] === true,
  peer: textOrNull(metadata['peer']),
  listen: textOrNull(metadata['listen']),
  isDraining: metadata['isDraining'] === true,
});

/** The addresses that others would be sent to. */
export const addressesOf = ({ relay, peer, listen }: GatewayNode): string[] =>
  [...relay, peer, listen].filter((each) => each !== null);

/** Two announcements lead others to the same places. */
export const isSamePlace = (a: GatewayNode, b: GatewayNode): boolean =>
  JSON.stringify([a.relay, a.peer, a.listen, a.isRelayTls]) ===
  JSON.stringify([b.relay, b.peer, b.listen, b.isRelayTls]);

/** Whether an announced address is one that the peer speaks from, or one that its certificate names. */
export function isOwnAddress(peer: Peer, address: string): boolean {
  const host = hostOf(address);
  if (host === null) return false;
  if (host === peer.host || peer.names?.hosts.includes(host)) return true;
  return isLoopback(host) && isLoopback(peer.host);
}

/** Further processes of one node have its name and a number: they are behind one Envoy, so they share `listen`. */
const isOneNode = (a: string, b: string, isThere: (id: string) => boolean): boolean => {
  const ofA = nodeOf(a),
    ofB = nodeOf(b);
  // gateway-2 and gateway-3 are numbered alike, but there is no node `gateway`.
  return ofA === b || ofB === a || (ofA !== null && ofA === ofB && isThere(ofA));
};
/** The node that this would be a further process of. */
const nodeOf = (process: string): string | null => /^(.+)-\d+$/.exec(process)?.[1] ?? null;

/** Whether `newcomer` would take what belongs to `holder`. `isAt`: whether a node of that name is at that `listen`. */
export const takesFrom = (
  newcomer: GatewayNode,
  holder: GatewayNode,
  isAt: (id: string, listen: string) => boolean,
): boolean =>
  newcomer.id !== holder.id &&
  (newcomer.relay.some((each) => holder.relay.includes(each)) ||
    (newcomer.peer !== null && newcomer.peer === holder.peer) ||
    isListenTaken(newcomer, holder, isAt));

function isListenTaken(
  { id, listen }: GatewayNode,
  holder: GatewayNode,
  isAt: (id: string, listen: string) => boolean,
): boolean {
  return listen !== null && listen === holder.listen && !isOneNode(id, holder.id, (node) => isAt(node, listen));
}
