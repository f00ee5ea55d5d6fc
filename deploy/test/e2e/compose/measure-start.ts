import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { commandLine, wholeNumber } from '../../../../proto/command-line.ts';
import { stringify } from 'yaml';
import { MAX_IMAGE_MB } from '../../../package/packages.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { atMost, type Objective } from '../../report/objectives.ts';
import { printReport, say as sayTo } from '../../report/print-report.ts';
import { mustRun, run } from './run-docker.ts';

/** `node deploy/test/e2e/compose/measure-start.ts [--json] [--rounds N]`: from `docker run` to the first good answer, the median of each image, built from this folder. */
const ROOT = join(import.meta.dirname, '../../../..');
const START_GOAL_MS = 1000,
  SIZE_GOAL_MB = MAX_IMAGE_MB;
const { values } = commandLine<{ rounds: number; json: boolean }>(
  new Command('measure-start')
    .option('--rounds <n>', 'starts of each image', wholeNumber(1, 1000), 7)
    .option('--json', 'objectives as JSON', false),
);
const say = sayTo(values.json);
if ((await run('docker', ['info'])).exitCode !== 0) {
  say('measure-start is skipped: docker does not answer here.');
  process.exit(0);
}

interface Image {
  target: string;
  port: number;
  path: string;
  args: readonly string[];
}
const IMAGES: readonly Image[] = [
  // Ready needs a control plane; what the image can answer for is that all of its ports are open.
  {
    target: 'sidecar',
    port: 7901,
    path: '/metrics',
    args: [
      '--node-id',
      'gateway-1',
      '--xds',
      '127.0.0.1:18000',
      '--ext-proc',
      '/run/scratch/ext-proc.sock',
      '--relay',
      '0.0.0.0:7900',
      '--admin',
      '0.0.0.0:7901',
    ],
  },
  {
    target: 'control-plane',
    port: 18001,
    path: '/readyz',
    args: ['--config', '/etc/holdfast/holdfast.yaml', '--xds', '0.0.0.0:18000', '--admin', '0.0.0.0:18001'],
  },
  {
    target: 'example-server',
    port: 3000,
    path: '/health',
    args: ['node', 'deploy/test/servers/linear/main.ts', '--host', '0.0.0.0', '--port', '3000'],
  },
];

async function startMs({ target, port, path, args }: Image, folder: string): Promise<number> {
  const fromMs = performance.now();
  const id = (
    await mustRun('docker', [
      'run',
      '-d',
      '--read-only',
      '--tmpfs',
      '/run/scratch:mode=1777',
      '--user',
      '1000:1000',
      '-e',
      'SESSION_STORE=memory',
      '-e',
      'HA_MODE=standalone',
      '-v',
      `${folder}:/etc/holdfast:ro`,
      `holdfast/${target}:0.1.0`,
      ...args,
    ])
  ).trim();
  try {
    const address = (
      await mustRun('docker', ['inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id])
    ).trim();
    await waitFor(async () => (await fetch(`http://${address}:${port}${path}`)).ok, {
      what: `${target} answers`,
      everyMs: 5,
    });
    return performance.now() - fromMs;
  } catch (error) {
    const logs = await run('docker', ['logs', '--tail', '5', id]);
    throw new Error(`${(error as Error).message}: ${logs.stdout}${logs.stderr}`);
  } finally {
    await run('docker', ['rm', '-f', id]);
  }
}

const sizeMb = async (image: string): Promise<number> =>
  Number((await mustRun('docker', ['image', 'inspect', '-f', '{{.Size}}', image])).trim()) / 1e6;
const folder = await mkdtemp(join(tmpdir(), 'holdfast-start-'));
const objectives: Objective[] = [];
try {
  await writeFile(join(folder, 'token'), 'for a minute\n');
  await writeFile(
    join(folder, 'holdfast.yaml'),
    stringify({
      ha: { mode: 'standalone' },
      sessionStore: { type: 'memory' },
      controlPlane: { adminTokenFile: '/etc/holdfast/token' },
      servers: [{ name: 'linear', backends: [{ name: 'stable', replicas: ['127.0.0.1:3000'] }] }],
    }),
  );
  await mustRun('chmod', ['-R', 'a+rX', folder]);
  const baseMb = await sizeMb('node:24-slim');
  for (const image of IMAGES) {
    const name = `holdfast/${image.target}:0.1.0`;
    await mustRun('docker', ['build', '-q', '-f', 'deploy/Dockerfile', '--target', image.target, '-t', name, '.'], {
      cwd: ROOT,
      env: { DOCKER_BUILDKIT: '0' },
    });
    const took: number[] = [];
    for (let round = 0; round < values.rounds; round++) took.push(await startMs(image, folder));
    took.sort((a, b) => a - b);
    say(`  ${image.target}: ${took.map(Math.round).join(', ')} ms`);
    objectives.push(
      atMost(
        `${image.target}: ms from docker run to the first answer, median`,
        START_GOAL_MS,
        Math.round(took[took.length >> 1]!),
      ),
    );
    objectives.push(
      atMost(`${image.target}: MB above node:24-slim`, SIZE_GOAL_MB, Math.round((await sizeMb(name)) - baseMb)),
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
printReport(objectives, { json: values.json });
