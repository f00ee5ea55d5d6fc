import { setTimeout as pause } from 'node:timers/promises';
import type { Objective } from '../report/objectives.ts';
import type { AttackCase, AttackOutcome } from './attack-case.ts';
import { startAttackMesh, type AttackMesh, type AttackMeshOptions } from './attack-mesh.ts';
import { HonestClients } from './honest-clients.ts';
import { ProcessWatch, type Role } from './process-watch.ts';

export interface CaseResult extends AttackOutcome {
  attack: AttackCase;
  /** What was wrong beside the attack itself: processes that ended, memory, honest calls. */
  harm: string[];
  seconds: number;
}

export interface RunReport {
  results: CaseResult[];
  objectives: Objective[];
}

/** How long honest clients go on after an attack: what it left behind shows in their next calls. */
const AFTER_MS = 300;

interface Scene {
  mesh: AttackMesh;
  honest: HonestClients;
  watch: ProcessWatch;
}

export interface RunOptions extends AttackMeshOptions {
  onResult?: (result: CaseResult) => void;
}

/** Runs cases one after the other against one mesh; a mesh that an attack has harmed is replaced before the next. */
export async function runCases(cases: readonly AttackCase[], options: RunOptions = {}): Promise<RunReport> {
  const results: CaseResult[] = [];
  const peaks: Record<Role, number> = { envoy: 0, sidecar: 0, controlPlane: 0, redis: 0 };
  let honestCalls = 0,
    lateScenes = 0;
  let scene: Scene | undefined;
  try {
    for (const attack of cases) {
      scene ??= await openScene(options).catch(() => {
        lateScenes++;
        return openScene(options);
      });
      const result = await runCase(attack, scene);
      for (const [role, mib] of Object.entries(result.peakMiB))
        peaks[role as Role] = Math.max(peaks[role as Role], mib);
      honestCalls += result.honestCalls;
      results.push(result);
      options.onResult?.(result);
      const isChanged = !result.isRefused && attack.isLasting === true;
      if (result.harm.length === 0 && !isChanged) continue;
      await closeScene(scene);
      scene = undefined;
    }
  } finally {
    if (scene) await closeScene(scene);
  }
  return { results, objectives: [...results.map(objectiveOf), ...sums(results, peaks, honestCalls, lateScenes)] };
}

async function openScene(options: AttackMeshOptions): Promise<Scene> {
  const mesh = await startAttackMesh(options);
  const honest = new HonestClients(mesh);
  try {
    await honest.start();
  } catch (error) {
    await closeScene({ mesh, honest });
    throw error;
  }
  return { mesh, honest, watch: new ProcessWatch(mesh.mesh) };
}

async function closeScene({ mesh, honest }: Omit<Scene, 'watch'>): Promise<void> {
  await honest.stop();
  await mesh[Symbol.asyncDispose]();
}

async function runCase(
  attack: AttackCase,
  { mesh, honest, watch }: Scene,
): Promise<CaseResult & { honestCalls: number; peakMiB: Record<Role, number> }> {
  const startedAt = performance.now();
  honest.take();
  watch.begin();
  const outcome = await attack
    .run(mesh)
    .catch((error: unknown): AttackOutcome => ({ happened: `the case failed: ${String(error)}`, isRefused: false }));
  await pause(AFTER_MS);
  const { calls, failures } = honest.take();
  const { ended, tooLarge, peakMiB } = watch.take();
  const harm = [
    ...ended.map((name) => `${name} ended`),
    ...tooLarge.map((text) => `memory: ${text}`),
    ...(failures.length > 0 ? [`${failures.length} honest calls failed, first: ${failures[0]}`] : []),
  ];
  return { ...outcome, attack, harm, seconds: (performance.now() - startedAt) / 1000, honestCalls: calls, peakMiB };
}

const measured = ({ happened, harm }: CaseResult): string =>
  [...harm, happened].filter(Boolean).join('; ').slice(0, 160);

const objectiveOf = (result: CaseResult): Objective => ({
  name: result.attack.name,
  goal: result.attack.goal,
  measured: measured(result),
  met: result.isRefused && result.harm.length === 0,
  ...(result.isSkipped && { isSkipped: true }),
});

/** What must hold over the whole run. */
function sums(
  results: readonly CaseResult[],
  peaks: Record<Role, number>,
  honestCalls: number,
  lateScenes: number,
): Objective[] {
  const harmedBy = (pattern: RegExp): number =>
    results.filter(({ harm }) => harm.some((text) => pattern.test(text))).length;
  const none = (name: string, pattern: RegExp): Objective => {
    const count = harmedBy(pattern);
    return { name, goal: '= 0', measured: count, met: count === 0 };
  };
  const figures = Object.entries(peaks)
    .map(([role, mib]) => `${role} ${Math.round(mib)}`)
    .join(', ');
  return [
    none('attacks that ended a process', / ended$/),
    none('attacks that failed other clients’ calls', /honest calls failed/),
    {
      ...none('attacks that passed a process’s shipped memory limit', /^memory/),
      goal: `= 0 (peaks, MiB: ${figures})`,
    },
    { name: 'new meshes whose first honest call failed', goal: '= 0', measured: lateScenes, met: lateScenes === 0 },
    { name: 'honest calls meanwhile', goal: '≥ 1', measured: honestCalls, met: honestCalls > 0 },
  ];
}
