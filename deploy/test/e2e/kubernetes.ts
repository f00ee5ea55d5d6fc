import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { commandLine } from '../../../proto/command-line.ts';
import { runCommand } from '../../setup/run-command.ts';
import { say as sayTo } from '../report/print-report.ts';
import { API_LEVEL, API_LEVEL_AND_MORE, CLUSTER_LEVEL, missingPrograms } from './kubernetes/binaries.ts';
import { buildPrograms } from './kubernetes/build-programs.ts';
import { unpackPackages } from './kubernetes/cluster/debian.ts';
import { clusterLacks, runCluster } from './kubernetes/cluster-level.ts';
import { takeKinds } from './kubernetes/foreign-kinds.ts';

/**
 * `npm run e2e:kubernetes`: a real API server on loopback, and the tests against it; `--level cluster`: a whole cluster, its pods under load. What it needs
 * is built once into a cache; `--build` does only that, for the API level with Helm. What is missing is named, and then the run is skipped.
 */
const { values } = commandLine<{
  build: boolean;
  level: string;
  row: string;
  list: boolean;
  sessions: string;
  json: boolean;
  keep: boolean;
}>(
  new Command('npm run e2e:kubernetes --')
    .addOption(
      new Option('--level <level>', 'api: manifests, admission, discovery. cluster: pods under load')
        .choices(['api', 'cluster'])
        .default('api'),
    )
    .option('--build', 'only build what the tests need; for the API level also Helm', false)
    .option('--row <text>', 'cluster: events whose name has one of these in it: a,b', '')
    .option('--list', 'cluster: names the events, and plays none', false)
    .option('--sessions <n>', 'cluster: sessions at a time', '12')
    .option('--json', 'cluster: objectives as JSON', false)
    .option('--keep', 'cluster: stay when all is done, and play what is named on standard input', false),
);
const root = resolve(import.meta.dirname, '../../..');
const say = sayTo(values.json);
const isWhole = values.level === 'cluster';

if (isWhole) await checkEvents();

const wanted = isWhole ? CLUSTER_LEVEL : values.build ? API_LEVEL_AND_MORE : API_LEVEL;
const why =
  (isWhole ? await clusterLacks() : undefined) ??
  (await programsLack()) ??
  (isWhole ? await unpackPackages(say) : undefined);
if (why !== undefined) {
  say(`e2e:kubernetes is skipped: ${why}. It needs Go, and apt-get or etcd in the cache.`);
  process.exit(0);
}
// Without them one test is skipped, and says so.
const withoutKinds = isWhole ? undefined : await takeKinds(say);
if (withoutKinds !== undefined) say(`kinds of other projects are not there: ${withoutKinds}`);
if (values.build) process.exit();
process.exitCode = isWhole ? await runCluster(argumentsOfCluster(), say) : await runApiLevel();

async function programsLack(): Promise<string | undefined> {
  const missing = await missingPrograms(wanted);
  const go = missing.length === 0 ? undefined : await runCommand('go', ['version'], 10_000);
  return go?.kind === 'failed' ? `${missing.join(', ')}: ${go.why}` : await buildPrograms(wanted, say);
}

/** Ends here where events are only to be named, or where nothing has the text that was asked for. */
async function checkEvents(): Promise<void> {
  const { chooseEvents, EVENTS } = await import('./kubernetes/cluster/choose-rows.ts');
  const isNone = chooseEvents(values.row).length === 0;
  if (!values.list && !isNone) return;
  if (isNone) process.stderr.write(`no event has “${values.row}” in its name; there are:\n`);
  process.stdout.write(`${EVENTS.join('\n')}\n`);
  process.exit(isNone ? 64 : 0);
}

function argumentsOfCluster(): string[] {
  const flags = (['json', 'keep'] as const).filter((name) => values[name]).map((name) => `--${name}`);
  return ['--row', values.row, '--sessions', values.sessions, ...flags];
}

async function runApiLevel(): Promise<number> {
  const files = globSync('deploy/test/e2e/kubernetes-*.e2e.test.ts', { cwd: root });
  const child = spawn(process.execPath, [resolve(root, 'deploy/test/main.ts'), ...files], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
