import { existsSync } from 'node:fs';
import { access, constants, rm } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { ensureEnvoy, ensureRedis } from '../../../setup/binaries.ts';
import { runCommand } from '../../../setup/run-command.ts';
import { IMAGES } from '../../../package/packages.ts';
import { nodeProgram } from '../../mesh/node-program.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { inNamespaces, removeCgroups } from './cluster/namespaces.ts';

const TIMEOUT_MS = 600_000;
/** Of the machine itself; nothing of these is downloaded. */
const TOOLS = ['unshare', 'mount', 'ip', 'chroot', 'ldd', 'bash', 'kubectl'];

/** What this machine lacks to have a cluster in namespaces; undefined when nothing. */
export async function clusterLacks(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root, for namespaces of its own';
  if (!existsSync('/sys/fs/cgroup/cpu/cpu.shares')) return 'it needs cgroup version 1; version 2 was not tried';
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const tool of TOOLS) {
    const found = await Promise.all(folders.map((each) => isExecutable(join(each, tool))));
    if (!found.includes(true)) return `${tool} is not on this machine`;
  }
  return undefined;
}

/** Makes what the images hold, and runs the cluster in its namespaces. Gives the exit code. */
export async function runCluster(args: readonly string[], say: (line: string) => void): Promise<number> {
  const folder = await temporaryFolder('holdfast-cluster-');
  const roles = join(folder.path, 'roles');
  try {
    say('making what the images hold');
    await mustRun(...forCommand(nodeProgram('deploy/package/main.ts', ['--images', roles])));
    for (const { name } of IMAGES) {
      const npm = ['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
      await mustRun('env', ['-C', join(roles, name), ...npm]);
      // As deploy/Dockerfile does: types, source maps and texts are for people who write code.
      const wasted = ['*.ts', '*.cts', '*.mts', '*.map', '*.md'].flatMap((each) => ['-o', '-name', each]).slice(1);
      await mustRun('find', [join(roles, name, 'node_modules'), '-type', 'f', '(', ...wasted, ')', '-delete']);
    }
    const [envoy, redis] = await Promise.all([ensureEnvoy({ say }), ensureRedis({ say })]);
    const inside = ['--roles', roles, '--envoy', envoy, '--redis', redis, '--folder', folder.path, ...args];
    return await inNamespaces(resolve(import.meta.dirname, 'cluster/main.ts'), inside);
  } finally {
    await removeCgroups(folder.path);
    await rm(folder.path, { recursive: true, force: true });
    await folder.remove();
  }
}

const forCommand = ({ command, args }: { command: string; args: string[] }): [string, string[]] => [command, args];

async function mustRun(command: string, args: readonly string[]): Promise<void> {
  const result = await runCommand(command, args, TIMEOUT_MS);
  if (result.kind === 'failed') throw new Error(`${command} ${args.join(' ')}: ${result.why}`);
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
