import type { FuzzRig } from './fuzz-rig.ts';

/** One execution: who runs it, and its own chance, which depends on the seed and the execution's number alone. */
export interface Execution {
  rig: FuzzRig;
  /** Number of the worker, from 0: each connects from an address of its own. */
  worker: number;
  random: () => number;
}

/** One way for bytes into a running mesh. */
export interface Surface {
  name: string;
  /** Part of all executions, relative to the others'. */
  share: number;
  /** What mutations start from. */
  seeds: readonly Buffer[];
  /** Sends `input`, and says what was wrong: no answer in time. Null when all is well. */
  execute(input: Buffer, execution: Execution): Promise<string | null>;
}

export const pick = <T>(list: readonly T[], random: () => number): T => {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
};
