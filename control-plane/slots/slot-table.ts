import { slotName } from '../../proto/session-id.ts';
import { replicaKey } from '../topology/inputs.ts';

/** One life of one replica. */
export interface Life {
  readonly server: string;
  readonly address: string;
  readonly slot: string;
  readonly sinceMs: number;
}
export interface LostLife {
  readonly server: string;
  readonly address: string;
  readonly slot: string;
  readonly lostAtMs: number;
}

/** All lives that are, and those that were and may still be named by a session. Never changed in place. */
export interface SlotTable {
  /** Number of the next slot. */
  readonly next: number;
  /** By replicaKey. */
  readonly lives: ReadonlyMap<string, Life>;
  /** By slot. */
  readonly lost: ReadonlyMap<string, LostLife>;
}

/**
 * Where counting begins in a new table: seconds since 2026. Should the store be lost, the next one begins beyond every slot that
 * clients still hold, as long as fewer than one slot a second was allotted on average.
 */
export const firstNumber = (nowMs: number): number => Math.max(0, Math.floor((nowMs - Date.UTC(2026, 0, 1)) / 1000));
export const emptyTable = (nowMs: number): SlotTable => ({
  next: firstNumber(nowMs),
  lives: new Map(),
  lost: new Map(),
});

/** The present life of the replica; a first one when it has none. */
export function allot(
  table: SlotTable,
  server: string,
  address: string,
  nowMs: number,
): { table: SlotTable; life: Life } {
  const key = replicaKey(server, address),
    present = table.lives.get(key);
  if (present) return { table, life: present };
  const life: Life = { server, address, slot: slotName(table.next), sinceMs: nowMs };
  return { table: { ...table, next: table.next + 1, lives: new Map(table.lives).set(key, life) }, life };
}

/** The replica was lost and is back: another life, if `slot` is still its present one. Otherwise somebody else has noticed it already. */
export function newLife(
  table: SlotTable,
  server: string,
  address: string,
  slot: string,
  nowMs: number,
): { table: SlotTable; life: Life } {
  return allot(retire(table, server, address, slot, nowMs), server, address, nowMs);
}

/** The life `slot` of this replica is over, and no other begins. */
export function retire(table: SlotTable, server: string, address: string, slot: string, nowMs: number): SlotTable {
  const key = replicaKey(server, address);
  if (table.lives.get(key)?.slot !== slot) return table;
  const lives = new Map(table.lives);
  lives.delete(key);
  return { ...table, lives, lost: new Map(table.lost).set(slot, { server, address, slot, lostAtMs: nowMs }) };
}

/** Takes over a life that was begun elsewhere; where the replica has another one, that one stays, and this one counts as lost. */
export function adopt(table: SlotTable, life: Life, nowMs: number): SlotTable {
  const key = replicaKey(life.server, life.address),
    present = table.lives.get(key);
  if (present?.slot === life.slot) return table;
  if (!present && !table.lost.has(life.slot)) return { ...table, lives: new Map(table.lives).set(key, life) };
  return {
    ...table,
    lost: new Map(table.lost).set(life.slot, {
      server: life.server,
      address: life.address,
      slot: life.slot,
      lostAtMs: nowMs,
    }),
  };
}

/** Forgets lost slots. Their names are never given again: the counter only grows. */
export function release(table: SlotTable, slots: readonly string[]): SlotTable {
  const lost = new Map(table.lost);
  for (const slot of slots) lost.delete(slot);
  return lost.size === table.lost.size ? table : { ...table, lost };
}
