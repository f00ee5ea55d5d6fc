import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../../../proto/command-line.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { printReport, say as sayTo } from '../../../report/print-report.ts';
import { table, type Cell } from '../../../report/table.ts';
import { programPath } from '../binaries.ts';
import { chooseEvents } from './choose-rows.ts';
import { FIRST_STEPS, firstSteps } from './first-steps.ts';
import { writeImages } from './images.ts';
import { installMesh, type MeshOnCluster } from './mesh-on-cluster.ts';
import { makeMachine } from './namespaces.ts';
import { POLICIES, policies } from './policies.ts';
import { playRow } from './play-row.ts';
import { makeRootfs } from './rootfs.ts';
import { ROWS } from './rows.ts';
import { startWholeCluster, type Cluster } from './whole-cluster.ts';

/** What `npm run e2e:kubernetes -- --level cluster` runs in namespaces of its own (namespaces.ts). */
interface Values {
  roles: string;
  envoy: string;
  redis: string;
  folder: string;
  row: string;
  sessions: number;
  json: boolean;
  keep: boolean;
}
const { values } = commandLine<Values>(
  new Command('cluster')
    .requiredOption('--roles <folder>', 'what the images hold')
    .requiredOption('--envoy <file>', 'Envoy')
    .requiredOption('--redis <file>', 'Redis')
    .requiredOption('--folder <folder>', 'folder of this run')
    .option('--row <text>', 'events whose name has one of these in it: a,b', '')
    .option('--sessions <n>', 'sessions at a time', wholeNumber(1, 1000), 12)
    .option('--json', 'objectives as JSON', false)
    .option('--keep', 'stay when all is done, and play what is named on standard input', false),
);
const say = sayTo(values.json);
process.env['TMPDIR'] = values.folder;
const objectives: Objective[] = [];
const rows: Cell[][] = [];
const chosen = chooseEvents(values.row);
let stage: { cluster: Cluster; mesh: MeshOnCluster } | null = null;
try {
  await makeMachine(values.folder);
  const rootfs = resolve(values.folder, 'rootfs');
  await makeRootfs(rootfs, { envoy: values.envoy, redis: values.redis, coredns: programPath('coredns') });
  const images = await writeImages(values.folder, rootfs, values.roles);
  say('images are written; starting Kubernetes');
  const cluster = await startWholeCluster(images, values.folder, say);
  if (chosen.includes(FIRST_STEPS)) {
    say(`\n${FIRST_STEPS}`);
    objectives.push(...(await firstSteps(cluster, say)));
  }
  say('installing the mesh');
  stage = { cluster, mesh: await installMesh(cluster, say) };
  say('the mesh is ready');
  await play(stage, chosen);
} catch (error) {
  say(`! ${inspect(error)}`);
  objectives.push(exactly('the cluster and the mesh came up', 'yes', (error as Error).message.slice(0, 300)));
}
report();
if (values.keep && stage !== null) await playOnDemand(stage);
process.exit();

async function play({ cluster, mesh }: { cluster: Cluster; mesh: MeshOnCluster }, names: readonly string[]) {
  if (names.includes(POLICIES)) objectives.push(...(await policies({ cluster })));
  for (const row of ROWS.filter(({ name }) => names.includes(name))) {
    say(`\n${row.name}`);
    try {
      const { counts, objectives: judged, failures } = await playRow(row, { cluster, mesh, say }, values.sessions);
      objectives.push(...judged);
      for (const each of failures) say(`  ! ${each}`);
      const { calls, answered, typedErrors, errors, hangs, lostSessions, p99Ms, slowestMs } = counts;
      rows.push([row.name, calls, calls - answered, typedErrors, errors, hangs, lostSessions, p99Ms, slowestMs]);
      say(`  ${calls} calls, ${calls - answered} not answered, ${lostSessions} sessions lost, slowest ${slowestMs} ms`);
    } catch (error) {
      say(`  ! ${inspect(error)}`);
      objectives.push(exactly(`${row.name}: ran to its end`, 'yes', (error as Error).message.slice(0, 200)));
    }
  }
}

function report(): void {
  if (rows.length > 0) {
    const head = ['event', 'calls', 'not answered', 'typed', 'other', 'hangs', 'sessions lost', 'p99 ms', 'slowest ms'];
    say(`\n${table(head, rows)}`);
  }
  printReport(objectives, { json: values.json });
}

/** The cluster stays, so that whoever mends a row can play it again: each line of standard input names some. */
async function playOnDemand(kept: { cluster: Cluster; mesh: MeshOnCluster }): Promise<void> {
  say('\nthe cluster stays; a line with parts of names plays those events: a,b');
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    objectives.length = rows.length = 0;
    await play(kept, chooseEvents(line));
    report();
  }
  await new Promise(() => setInterval(() => {}, 60_000));
}
