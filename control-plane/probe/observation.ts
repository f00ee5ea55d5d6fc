import type { ToolDescription } from './tool-description.ts';

export type Era = 'legacy' | 'modern';

/** What one probe saw. */
export type Observation =
  | {
      kind: 'answered';
      eras: readonly Era[];
      /** same: the probe's session goes on. lost: the replica does not know it any more. none: there is no session to tell by. */
      session: 'same' | 'lost' | 'none';
      /** null when this probe did not list them. */
      tools: readonly ToolDescription[] | null;
      /** A remark for operators; null when there is nothing to say. */
      note: string | null;
      durationMs: number;
    }
  /** Nobody listens there: what a killed process looks like. */
  | { kind: 'refused'; detail: string; durationMs: number }
  /** Connected or not, no answer in time. */
  | { kind: 'silent'; detail: string; durationMs: number }
  /** Answered, but not what a healthy server answers. `session` as above. */
  | { kind: 'wrong'; detail: string; session: 'same' | 'lost' | 'none'; durationMs: number };
