import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { BINARY_CACHE } from './binaries.ts';
import { runCommand } from './run-command.ts';

const TIMEOUT_MS = 300_000;

/** A program that a Debian package holds, none of which is installed: the package is downloaded and taken apart in the cache. */
interface DebianProgram {
  name: string;
  variable: string;
  debianPackage: string;
}
const PROGRAMS = {
  promtool: { name: 'promtool', variable: 'PROMTOOL_BIN', debianPackage: 'prometheus' },
  prometheus: { name: 'prometheus', variable: 'PROMETHEUS_BIN', debianPackage: 'prometheus' },
  amtool: { name: 'amtool', variable: 'AMTOOL_BIN', debianPackage: 'prometheus-alertmanager' },
} as const satisfies Record<string, DebianProgram>;

/** Path of a program of Prometheus: its variable, PATH, the cache, else its Debian package, taken apart without installing it. Throws with the ways to get one. */
export async function ensurePrometheusProgram(
  name: keyof typeof PROGRAMS,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const program = PROGRAMS[name];
  const named = env[program.variable];
  if (named) return named;
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean))
    if (await isExecutable(join(folder, name))) return join(folder, name);
  const unpacked = join(BINARY_CACHE, `debian-${program.debianPackage}`);
  const target = join(unpacked, 'usr/bin', name);
  if (await isExecutable(target)) return target;
  const why = await unpackDebianPackage(program.debianPackage, unpacked);
  if (why === undefined && (await isExecutable(target))) return target;
  throw new Error(
    `no ${name}: ${program.variable} is not set, none is on PATH, and taking it from Debian's package ${program.debianPackage} failed: ${why ?? `it holds no usr/bin/${name}`}.\n` +
      `Ways to get one: install Prometheus with your system's package manager or take it from its releases, then put it on PATH or set ${program.variable} to its path.`,
  );
}

/** Downloads a package and takes it apart in `target`, without installing it. Undefined when it worked, else why not. */
export async function unpackDebianPackage(debianPackage: string, target: string): Promise<string | undefined> {
  // Beside the target, so that the last step is a rename within one file system.
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), '.fetch-'));
  try {
    // apt downloads into the working folder; `env -C` sets it. A machine that never updated its lists knows no packages
    // yet. Lists of our own need no root and change nothing of the machine's.
    const apt = (...args: string[]) => runCommand('env', ['-C', folder, 'apt-get', '--quiet', ...args], TIMEOUT_MS);
    let got = await apt('download', debianPackage);
    if (got.kind === 'failed') {
      const own = [`Dir::State::lists=${folder}/lists`, `Dir::Cache=${folder}/cache`].flatMap((setting) => [
        '-o',
        setting,
      ]);
      await Promise.all(
        ['lists/partial', 'cache/archives/partial'].map((path) => mkdir(join(folder, path), { recursive: true })),
      );
      const updated = await apt(...own, 'update');
      got = updated.kind === 'failed' ? updated : await apt(...own, 'download', debianPackage);
    }
    if (got.kind === 'failed') return got.why;
    const file = (await readdir(folder)).find((each) => each.endsWith('.deb'));
    if (!file) return 'apt-get downloaded nothing';
    const content = join(folder, 'content');
    const opened = await runCommand('dpkg-deb', ['--extract', join(folder, file), content], TIMEOUT_MS);
    if (opened.kind === 'failed') return opened.why;
    // Two processes may do this side by side: the first rename wins, and both have the same content.
    await rename(content, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
