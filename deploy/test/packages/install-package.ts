import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
/** A registry that does not answer must not hold a run for ever. */
const run = (command: string, args: string[], options: { cwd?: string } = {}): Promise<unknown> =>
  execute(command, args, { timeout: 600_000, killSignal: 'SIGKILL', ...options });

/** Software of others that tests run, and that is no dependency of this repository. `requirements`: names with exact versions. */
export type ForeignPackage =
  | { language: 'python'; requirements: readonly string[] }
  | { language: 'npm'; requirements: readonly string[] }
  /** A module of this repository with a program of its own; `go.mod` has the versions. */
  | { language: 'go'; module: string };

/** Where it is, or what is missing for it: a program of this machine, or a package with what the installer said. */
export type Installed = { folder: string } | { missing: string };

const cache = (): string => join(process.env['HOLDFAST_CACHE'] ?? join(homedir(), '.cache/holdfast'), 'clients');

function digestOf(module: string): string {
  const files = globSync('*.{go,mod,sum}', { cwd: module }).sort();
  const bytes = files.map((name) => readFileSync(join(module, name)));
  return createHash('sha256').update(Buffer.concat(bytes)).digest('hex').slice(0, 16);
}

function folderOf(package_: ForeignPackage): string {
  if (package_.language === 'go') return join(cache(), `go-${digestOf(package_.module)}`);
  const name = package_.requirements.map((one) => one.replace(/^@/, '').replaceAll('/', '-')).join('+');
  return join(cache(), package_.language === 'npm' ? `npm-${name}` : name);
}

/** A package that is in the cache already; null when it is not. */
export function findPackage(package_: ForeignPackage): string | null {
  const folder = folderOf(package_);
  return existsSync(join(folder, 'complete')) ? folder : null;
}

/** Python at `bin/python`, npm's programs in `node_modules/.bin`, the Go program at `program`. */
async function fill(package_: ForeignPackage, folder: string): Promise<void> {
  if (package_.language === 'go') {
    await run('go', ['build', '-o', join(folder, 'program'), '.'], { cwd: package_.module });
    return;
  }
  if (package_.language === 'npm') {
    await writeFile(join(folder, 'package.json'), '{"private":true}');
    const flags = ['--prefix', folder, '--no-audit', '--no-fund', '--loglevel', 'error'];
    await run('npm', ['install', ...flags, ...package_.requirements], { cwd: folder });
    return;
  }
  await run('python3', ['-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(join(folder, 'bin/python'), [...pip, ...package_.requirements]);
}

const PROGRAM = { python: 'python3', npm: 'npm', go: 'go' };

/**
 * Puts a package into the cache outside the repository, once. Python's environments know their own path, so one is made where it stays;
 * the folder `complete` in it says that it is whole.
 */
export async function installPackage(package_: ForeignPackage): Promise<Installed> {
  const found = findPackage(package_);
  if (found !== null) return { folder: found };
  const folder = folderOf(package_);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await fill(package_, folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') return { missing: PROGRAM[package_.language] };
    const what = package_.language === 'go' ? package_.module : package_.requirements.join(' ');
    return { missing: `${what}: ${stderr.trim().split('\n').at(-1) || String(error)}` };
  }
  await mkdir(join(folder, 'complete.new'));
  await rename(join(folder, 'complete.new'), join(folder, 'complete'));
  return { folder };
}
