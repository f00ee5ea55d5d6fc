import type { Ledger } from './ledger.ts';

/** What all sessions of one process share. */
export interface Replica {
  name: string;
  port: number;
  startedAtMs: number;
  ledger: Ledger;
  counters: { requests: number; initializes: number; deletes: number; unknownSessions: number; reaped: number; refused: number };
  /** Tells every session subscribed to `uri` that it changed. */
  updated(uri: string): void;
  /** Tells every session that a list changed. */
  listChanged(kind: 'tools' | 'resources' | 'prompts'): void;
}
