import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PackagePlan } from './packages.ts';

/** What an image holds above its base, in bytes. */
export interface ImageSize {
  sources: number;
  packages: number;
  /** What V8 made of both, which the image holds as well. */
  compiled: number;
  total: number;
}

/** deploy/Dockerfile deletes these from packages. */
const LEFT_OUT = /\.(?:ts|cts|mts|map|md)$/;
const LEFT_OUT_PACKAGES = 'node_modules/bare-';

/**
 * Size of the files that deploy/Dockerfile adds for one role. `at`: the role's package as writePackage wrote it. Packages are those of `root`,
 * which has the same versions of them, because both come from one lockfile.
 */
export async function imageSize(root: string, at: string, { programs = [] }: PackagePlan): Promise<ImageSize> {
  const { packages: locked } = JSON.parse(readFileSync(join(at, 'npm-shrinkwrap.json'), 'utf8')) as {
    packages: Record<string, unknown>;
  };
  // What is not installed is for another system than this one.
  const folders = Object.keys(locked).filter(
    (path) => path !== '' && !path.startsWith(LEFT_OUT_PACKAGES) && existsSync(join(root, path)),
  );
  const sources = bytesIn(at);
  const packages = folders.reduce((sum, path) => sum + bytesIn(join(root, path), LEFT_OUT), 0);
  const compiled = await compiledBytes(root, programs);
  return { sources, packages, compiled, total: sources + packages + compiled };
}

function bytesIn(folder: string, leftOut = /^$/): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // A package below another one has an entry of its own.
    if (entry.isDirectory()) sum += entry.name === 'node_modules' ? 0 : bytesIn(path, leftOut);
    else if (entry.isFile() && !leftOut.test(entry.name)) sum += statSync(path).size;
  }
  return sum;
}

/** Starts each program as the Dockerfile does at the build: `--help` loads all of it. */
async function compiledBytes(root: string, programs: readonly string[]): Promise<number> {
  const cache = mkdtempSync(join(tmpdir(), 'holdfast-compiled-'));
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  try {
    // A program without --help ends with another code, and has been compiled all the same.
    for (const program of programs)
      await promisify(execFile)(process.execPath, [program, '--help'], { cwd: root, env }).catch(() => undefined);
    return bytesIn(cache);
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
