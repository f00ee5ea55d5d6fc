import { slotName } from '../../proto/session-id.ts';
import { LayeredMap } from './layered-map.ts';
import { replicaKey } from '../topology/inputs.ts';

/** One incarnation of one replica. */
export interface Incarnation {
  readonly server: string;
  readonly address: string;
  readonly slot: string;
  readonly sinceMs: number;
}
export interface LostIncarnation {
  readonly server: string;
  readonly address: string;
  readonly slot: string;
  readonly lostAtMs: number;
}

/** All incarnations that are, and those that were and may still be named by a session. Never changed in place. */
export interface SlotTable {
  /** Number of the next slot. */
  readonly next: number;
  /** By replicaKey. */
  readonly incarnations: LayeredMap<string, Incarnation>;
  /** By slot. */
  readonly lost: LayeredMap<string, LostIncarnation>;
}

/**
 * Where counting begins in a new table: seconds since 2026. If the store is lost, the next one begins beyond every
 * slot that clients still hold. That holds as long as fewer than one slot a second was given on average.
 */
export const firstNumber = (nowMs: number): number => Math.max(0, Math.floor((nowMs - Date.UTC(2026, 0, 1)) / 1000));
export const emptyTable = (nowMs: number): SlotTable => ({
  next: firstNumber(nowMs),
  incarnations: LayeredMap.of(),
  lost: LayeredMap.of(),
});

/** The present incarnation of the replica; a first one when it has none. */
export function allot(
  table: SlotTable,
  server: string,
  address: string,
  nowMs: number,
): { table: SlotTable; incarnation: Incarnation } {
  const key = replicaKey(server, address),
    present = table.incarnations.get(key);
  if (present) return { table, incarnation: present };
  const incarnation: Incarnation = { server, address, slot: slotName(table.next), sinceMs: nowMs };
  return {
    table: { ...table, next: table.next + 1, incarnations: table.incarnations.with(key, incarnation) },
    incarnation,
  };
}

/** The replica was lost and is back: another incarnation, if `slot` is still its present one. Otherwise somebody else has noticed it already. */
export function newIncarnation(
  table: SlotTable,
  server: string,
  address: string,
  slot: string,
  nowMs: number,
): { table: SlotTable; incarnation: Incarnation } {
  return allot(retire(table, server, address, slot, nowMs), server, address, nowMs);
}

/** The incarnation `slot` of this replica is over, and no other begins. */
export function retire(table: SlotTable, server: string, address: string, slot: string, nowMs: number): SlotTable {
  const key = replicaKey(server, address);
  if (table.incarnations.get(key)?.slot !== slot) return table;
  return {
    ...table,
    incarnations: table.incarnations.without(key),
    lost: table.lost.with(slot, { server, address, slot, lostAtMs: nowMs }),
  };
}

/** Takes over an incarnation that was begun elsewhere; where the replica has another one, that one stays, and this one counts as lost. */
export function adopt(table: SlotTable, incarnation: Incarnation, nowMs: number): SlotTable {
  const key = replicaKey(incarnation.server, incarnation.address),
    present = table.incarnations.get(key);
  if (present?.slot === incarnation.slot) return table;
  if (!present && !table.lost.has(incarnation.slot))
    return { ...table, incarnations: table.incarnations.with(key, incarnation) };
  return {
    ...table,
    lost: table.lost.with(incarnation.slot, {
      server: incarnation.server,
      address: incarnation.address,
      slot: incarnation.slot,
      lostAtMs: nowMs,
    }),
  };
}

/** Forgets lost slots. Their names are never given again: the counter only grows. */
export function release(table: SlotTable, slots: readonly string[]): SlotTable {
  const lost = slots.reduce((left, slot) => left.without(slot), table.lost);
  return lost.size === table.lost.size ? table : { ...table, lost };
}
