/** One thing that a benchmark promises, and what it measured. */
export interface Objective {
  name: string;
  /** What is promised, with its unit: `≥ 1,000,000 per second`. */
  goal: string;
  /** What was measured, with its unit. */
  measured: string;
  met: boolean;
}

/** Each benchmark is a file of this folder that exports `run`. */
export interface Bench { run(args: readonly string[]): Promise<Objective[]> }
