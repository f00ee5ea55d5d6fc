import { join } from 'node:path';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { atLeast, exactly } from '../report/objectives.ts';
import type { Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table } from '../report/table.ts';
import { failed, passed } from './check.ts';
import type { Check } from './check.ts';
import { compare } from './compare.ts';
import type { Difference } from './compare.ts';
import { readConformanceOptions } from './options.ts';
import { SUITES, listScenarios, runScenario, runSuite } from './suite.ts';
import type { Suite } from './suite.ts';
import { startDirect, startThroughMesh } from './targets.ts';
import type { Guard, ThroughMesh } from './targets.ts';

/** Checks that the fixtures of this repository pass without a mesh: fewer means that the yardstick itself has shrunk. */
const PASSED_DIRECTLY: Record<string, number> = {
  '2025-03-26': 3,
  '2025-06-18': 56,
  '2025-11-25': 84,
  '2026-07-28': 152,
  '2026-07-28 tasks': 44,
};

interface Run {
  suite: string;
  way: string;
  passed: number;
  failed: number;
  differences: Difference[];
}

const { versions, guards, isDirectOnly, kills, json } = readConformanceOptions();
const suites = SUITES.filter(({ specVersion }) => versions.includes(specVersion));
const print = say(json);
const folder = await temporaryFolder();
const runs: Run[] = [];
try {
  const direct = await runDirect();
  for (const guard of isDirectOnly ? [] : guards) await runThroughMesh(direct, guard);
} finally {
  await folder.remove();
}
print(
  table(
    ['suite', 'way', 'passed', 'failed', 'different'],
    runs.map((run) => [run.suite, run.way, run.passed, run.failed, run.differences.length]),
  ),
);
for (const { suite, way, differences } of runs) {
  for (const { check, direct, mesh, why } of differences)
    print(
      `${suite} ${way}: ${check}: passed ${direct}× directly, ${mesh}× through the mesh${why === null ? '' : `: ${why}`}`,
    );
}
printReport(runs.flatMap(objectivesOf), { json, extra: { runs } });

async function runDirect(): Promise<Map<string, Check[]>> {
  await using target = await startDirect(versions);
  const found = await Promise.all(
    suites.map(async (suite) => ({
      name: suite.name,
      checks: await runSuite(suite, target.url(suite.specVersion), join(folder.path, `direct-${suite.name}`)),
    })),
  );
  for (const { name, checks } of found) {
    runs.push({ suite: name, way: 'direct', passed: passed(checks), failed: failed(checks), differences: [] });
    for (const { scenario, id, status, error } of checks)
      if (status === 'FAILURE') print(`${name} direct: ${scenario}/${id}: ${error}`);
  }
  return new Map(found.map(({ name, checks }) => [name, checks]));
}

async function runThroughMesh(direct: Map<string, Check[]>, guard: Guard): Promise<void> {
  await using target = await startThroughMesh(versions, guard);
  const way = `guard ${guard}${kills ? ', kills' : ''}`;
  const runOne = async (suite: Suite): Promise<Run> => {
    const into = join(folder.path, `${guard}-${suite.name}`);
    const checks = kills
      ? await runWithKills(target, suite, into)
      : await runSuite(suite, target.url(suite.specVersion), into);
    return {
      suite: suite.name,
      way,
      passed: passed(checks),
      failed: failed(checks),
      differences: compare(direct.get(suite.name)!, checks),
    };
  };
  // Suites don't see each other's sessions; a kill would be felt by all.
  if (kills) for (const suite of suites) runs.push(await runOne(suite));
  else runs.push(...(await Promise.all(suites.map(runOne))));
}

/** Scenario by scenario; before each, one replica is killed and the one killed before is up again. */
async function runWithKills(target: ThroughMesh, suite: Suite, into: string): Promise<Check[]> {
  const checks: Check[] = [];
  for (const scenario of await listScenarios(suite)) {
    await target.killNext(suite.specVersion);
    checks.push(...(await runScenario(suite, target.url(suite.specVersion), join(into, scenario), scenario)));
  }
  return checks;
}

function objectivesOf({ suite, way, passed: count, failed: failures, differences }: Run): Objective[] {
  if (way !== 'direct')
    return [exactly(`${suite}: passed checks that differ through the mesh, ${way}`, 0, differences.length)];
  return [
    atLeast(`${suite}: checks passed directly`, PASSED_DIRECTLY[suite]!, count),
    exactly(`${suite}: checks failed directly`, 0, failures),
  ];
}
