import type { Incarnation, SlotTable } from './slot-table.ts';

/**
 * Where slots are kept, shared by all control planes. Each operation is atomic and gives the same result when another control plane repeats it, so two control
 * planes that notice the same thing agree. All reject when the store can't be reached.
 */
export interface SlotStore {
  read(): Promise<SlotTable>;
  /** Grows with each change; cheap to ask for. */
  revision(): Promise<number>;
  allot(server: string, address: string): Promise<Incarnation>;
  newIncarnation(server: string, address: string, slot: string): Promise<Incarnation>;
  retire(server: string, address: string, slot: string): Promise<void>;
  /** Brings in an incarnation that was begun while the store was away. */
  adopt(incarnation: Incarnation): Promise<void>;
  release(slots: readonly string[]): Promise<void>;
}
