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
import { USAGE, readConformanceOptions } from './options.ts';
import { listScenarios, runSuite } from './suite.ts';
import type { SpecVersion } from './suite.ts';
import { startDirect, startThroughMesh } from './targets.ts';
import type { Guard, ThroughMesh } from './targets.ts';

/** Checks that the fixtures of this repository pass without a mesh: fewer means that the yardstick itself has shrunk. */
const PASSED_DIRECTLY: Record<SpecVersion, number> = { '2025-03-26': 3, '2025-06-18': 56, '2025-11-25': 84, '2026-07-28': 152 };

interface Run { version: SpecVersion; way: string; passed: number; failed: number; differences: Difference[] }

const options = readConformanceOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(options === USAGE ? USAGE : `${options}\n${USAGE}`);
  process.exit(options === USAGE ? 0 : 64);
}
const { versions, guards, isDirectOnly, kills, json } = options;
const print = say(json);
const folder = await temporaryFolder();
const runs: Run[] = [];
try {
  const direct = await runDirect();
  for (const guard of isDirectOnly ? [] : guards) await runThroughMesh(direct, guard);
} finally {
  await folder.remove();
}
print(table(['revision', 'way', 'passed', 'failed', 'different'], runs.map((run) => [run.version, run.way, run.passed, run.failed, run.differences.length])));
for (const { version, way, differences } of runs) {
  for (const { check, direct, mesh, why } of differences) print(`${version} ${way}: ${check}: passed ${direct}× directly, ${mesh}× through the mesh${why === null ? '' : `: ${why}`}`);
}
printReport(runs.flatMap(objectivesOf), { json, extra: { runs } });

async function runDirect(): Promise<Map<SpecVersion, Check[]>> {
  await using target = await startDirect(versions);
  const checks = await Promise.all(versions.map(async (version) => [version, await runSuite({ url: target.url(version), specVersion: version, folder: join(folder.path, `direct-${version}`) })] as const));
  for (const [version, found] of checks) {
    runs.push({ version, way: 'direct', passed: passed(found), failed: failed(found), differences: [] });
    for (const { scenario, id, status, error } of found) if (status === 'FAILURE') print(`${version} direct: ${scenario}/${id}: ${error}`);
  }
  return new Map(checks);
}

async function runThroughMesh(direct: Map<SpecVersion, Check[]>, guard: Guard): Promise<void> {
  await using target = await startThroughMesh(versions, guard);
  const way = `guard ${guard}${kills ? ', kills' : ''}`;
  for (const version of versions) {
    const checks = kills ? await runWithKills(target, version, guard) : await runSuite({ url: target.url(version), specVersion: version, folder: join(folder.path, `${guard}-${version}`) });
    runs.push({ version, way, passed: passed(checks), failed: failed(checks), differences: compare(direct.get(version)!, checks) });
  }
}

/** Scenario by scenario; before each, one replica is killed and the one killed before is up again. */
async function runWithKills(target: ThroughMesh, version: SpecVersion, guard: Guard): Promise<Check[]> {
  const checks: Check[] = [];
  for (const scenario of await listScenarios(version)) {
    await target.killNext(version);
    checks.push(...await runSuite({ url: target.url(version), specVersion: version, scenario, folder: join(folder.path, `${guard}-${version}-${scenario}`) }));
  }
  return checks;
}

function objectivesOf({ version, way, passed: count, failed: failures, differences }: Run): Objective[] {
  if (way !== 'direct') return [exactly(`${version}: passed checks that differ through the mesh, ${way}`, 0, differences.length)];
  return [atLeast(`${version}: checks passed directly`, PASSED_DIRECTLY[version], count), exactly(`${version}: checks failed directly`, 0, failures)];
}
