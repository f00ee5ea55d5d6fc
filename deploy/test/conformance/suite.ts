import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Check } from './check.ts';

export const SPEC_VERSIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type SpecVersion = (typeof SPEC_VERSIONS)[number];

const SUITE = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');
/** A whole suite takes about 3 s; one that hangs is ended. */
const SUITE_TIMEOUT_MS = 180_000;
const SCENARIO_FOLDER = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;

/** What is run for one revision: the official suite, or the scenarios of an extension, which `--suite all` leaves out. */
export interface Suite {
  name: string;
  specVersion: SpecVersion;
  extension: string | null;
}

export const SUITES: readonly Suite[] = [
  ...SPEC_VERSIONS.map((specVersion) => ({ name: specVersion, specVersion, extension: null })),
  { name: '2026-07-28 tasks', specVersion: '2026-07-28', extension: 'tasks-' },
];

/** Scenarios of an extension wait most of the time: several at once cost little. */
const SCENARIOS_AT_ONCE = 5;

/** Runs a whole suite. */
export async function runSuite(suite: Suite, url: string, folder: string): Promise<Check[]> {
  if (suite.extension === null) return runScenario(suite, url, folder);
  const waiting = await listScenarios(suite);
  const checks: Check[] = [];
  const work = async (): Promise<void> => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift())
      checks.push(...(await runScenario(suite, url, join(folder, scenario), scenario)));
  };
  await Promise.all(Array.from({ length: SCENARIOS_AT_ONCE }, work));
  return checks;
}

/** Runs one scenario, or all that the revision has when none is named, as a process of its own and reads what it checked. */
export async function runScenario(
  { specVersion, extension }: Suite,
  url: string,
  folder: string,
  scenario?: string,
): Promise<Check[]> {
  const which = scenario === undefined ? ['--suite', 'all'] : ['--scenario', scenario];
  await runProgram([
    'server',
    '--url',
    url,
    '--spec-version',
    specVersion,
    ...which,
    ...(extension === null ? [] : ['--force']),
    '-o',
    folder,
  ]);
  const names = await readdir(folder).catch(() => []);
  const checks = await Promise.all(names.map((name) => readChecks(folder, name)));
  return checks.flat();
}

/** Names of a suite's scenarios, in the official order. */
export async function listScenarios({ specVersion, extension }: Suite): Promise<string[]> {
  const listed = await runProgram(['list', '--server']);
  const scenarios = [...listed.matchAll(/^ +- (\S+) \[(.+)\]$/gm)].map(([, name, versions]) => ({
    name: name!,
    versions: versions!.split(','),
  }));
  return scenarios
    .filter(({ name, versions }) => (extension === null ? versions.includes(specVersion) : name.startsWith(extension)))
    .map(({ name }) => name);
}

async function readChecks(folder: string, name: string): Promise<Check[]> {
  const scenario = SCENARIO_FOLDER.exec(name)?.[1];
  if (scenario === undefined) return [];
  const raw = JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8')) as {
    id: string;
    status: Check['status'];
    errorMessage?: string;
  }[];
  return raw.map(({ id, status, errorMessage }) => ({ scenario, id, status, error: errorMessage ?? null }));
}

/** Its exit code says only whether all checks passed: what counts is in the files. */
function runProgram(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), SUITE_TIMEOUT_MS);
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code === null)
        reject(new Error(`the conformance suite did not end within ${SUITE_TIMEOUT_MS / 1000} s: ${args.join(' ')}`));
      else resolve(out);
    });
  });
}
