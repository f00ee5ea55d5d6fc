import type { Ledger } from './ledger.ts';

/** What all sessions of one process share. */
export interface Replica {
  name: string;
  port: number;
  startedAtMs: number;
  ledger: Ledger;
  counters: {
    requests: number;
    initializes: number;
    deletes: number;
    unknownSessions: number;
    reaped: number;
    refused: number;
  };
  /** Whether the next tool call is to fail, as `--tool-error-rate` has it. */
  failsTool(): boolean;
  /** Tells every session subscribed to `uri` that it changed. */
  updated(uri: string): void;
  /** Tells every session that a list changed. */
  listChanged(kind: 'tools' | 'resources' | 'prompts'): void;
}
