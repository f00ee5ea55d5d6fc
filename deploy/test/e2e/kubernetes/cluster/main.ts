import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../../../proto/command-line.ts';
import { exactly, type Objective } from '../../../report/objectives.ts';
import { printReport, say as sayTo } from '../../../report/print-report.ts';
import { table, type Cell } from '../../../report/table.ts';
import { programPath } from '../binaries.ts';
import { FIRST_STEPS, firstSteps } from './first-steps.ts';
import { writeImages } from './images.ts';
import { installMesh } from './mesh-on-cluster.ts';
import { makeMachine } from './namespaces.ts';
import { policies } from './policies.ts';
import { playRow } from './play-row.ts';
import { makeRootfs } from './rootfs.ts';
import { ROWS } from './rows.ts';
import { startWholeCluster } from './whole-cluster.ts';

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
    .option('--keep', 'stay when all is done', false),
);
const say = sayTo(values.json);
process.env['TMPDIR'] = values.folder;
const isWanted = (name: string): boolean => values.row.split(',').some((each) => name.includes(each));
const objectives: Objective[] = [];
const rows: Cell[][] = [];
try {
  await makeMachine(values.folder);
  const rootfs = resolve(values.folder, 'rootfs');
  await makeRootfs(rootfs, { envoy: values.envoy, redis: values.redis, coredns: programPath('coredns') });
  const images = await writeImages(values.folder, rootfs, values.roles);
  say('images are written; starting Kubernetes');
  const cluster = await startWholeCluster(images, values.folder, say);
  if (isWanted(FIRST_STEPS)) {
    say(`\n${FIRST_STEPS}`);
    objectives.push(...(await firstSteps(cluster, say)));
  }
  say('installing the mesh');
  const mesh = await installMesh(cluster, say);
  say('the mesh is ready');
  objectives.push(...(await policies({ cluster })));
  for (const row of ROWS.filter(({ name }) => isWanted(name))) {
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
} catch (error) {
  say(`! ${inspect(error)}`);
  objectives.push(exactly('the cluster and the mesh came up', 'yes', (error as Error).message.slice(0, 300)));
}
if (rows.length > 0) {
  const head = ['event', 'calls', 'not answered', 'typed', 'other', 'hangs', 'sessions lost', 'p99 ms', 'slowest ms'];
  say(`\n${table(head, rows)}`);
}
printReport(objectives, { json: values.json });
if (values.keep) await new Promise(() => setInterval(() => {}, 60_000));
process.exit();
