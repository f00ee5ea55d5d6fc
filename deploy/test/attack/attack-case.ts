import type { AttackMesh } from './attack-mesh.ts';
import type { FindingId } from './findings.ts';

/** What an attack did. `happened` is for people; `isRefused` says whether the mesh did what it should. */
export interface AttackOutcome {
  happened: string;
  isRefused: boolean;
  /** It can't be tried here; `happened` says why. */
  isSkipped?: true;
}

/** One attack. A case leaves nothing open, and undoes what it set on the replicas. */
export interface AttackCase {
  /** Unique, `<group>/<input>`; `--case` takes a name or its beginning. */
  name: string;
  finding: FindingId;
  /** What should happen, for people. */
  goal: string;
  /** Takes longer than a test of every change may: `npm run attack` alone runs it. */
  isSlow?: boolean;
  /** An attack that succeeds leaves the mesh changed, so that the next one needs a new mesh. */
  isLasting?: boolean;
  /** Where the case starts its own processes, or reads files only. Default: the shared mesh, watched meanwhile. */
  isAlone?: boolean;
  run(mesh: AttackMesh): Promise<AttackOutcome>;
}

/** The outcome of a list of checks: refused when every one of them held. `happened` names those that did not. */
export function judge(checks: Record<string, boolean>, happened: string): AttackOutcome {
  const missed = Object.entries(checks)
    .filter(([, isHeld]) => !isHeld)
    .map(([name]) => `not: ${name}`);
  return { happened: [happened, ...missed].filter(Boolean).join('; '), isRefused: missed.length === 0 };
}

/** The same attack with several inputs: one case each, named `<group>/<input>`. */
export function casesOf<Input>(
  group: string,
  { finding, goal, isSlow, isLasting, isAlone }: Omit<AttackCase, 'name' | 'run'>,
  inputs: Record<string, Input>,
  run: (mesh: AttackMesh, input: Input) => Promise<AttackOutcome>,
): AttackCase[] {
  return Object.entries(inputs).map(([name, input]) => ({
    name: `${group}/${name}`,
    finding,
    goal,
    ...(isSlow !== undefined && { isSlow }),
    ...(isLasting !== undefined && { isLasting }),
    ...(isAlone !== undefined && { isAlone }),
    run: (mesh) => run(mesh, input),
  }));
}
