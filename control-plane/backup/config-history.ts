import { isoTime } from '../../proto/iso-time.ts';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Redis } from 'ioredis';
import { ConfigVersions } from '../config-versions/config-versions.ts';
import { redisSharedState } from '../lease/redis-shared-state.ts';

const FILE = 'holdfast.yaml';

export const isGitHere = (): Promise<boolean> =>
  promisify(execFile)('git', ['--version']).then(
    () => true,
    () => false,
  );

/** Commits every configuration version that the repository in `folder` does not have yet, oldest first, each at the time it was accepted. Makes the repository when there is none. Returns how many. */
export async function commitConfigHistory(redis: Redis, folder: string): Promise<number> {
  const versions = await new ConfigVersions(redisSharedState(redis), 'backup').list();
  await mkdir(folder, { recursive: true });
  const git = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> =>
    (
      await promisify(execFile)(
        'git',
        ['-C', folder, '-c', 'user.name=holdfast', '-c', 'user.email=holdfast@localhost', ...args],
        { env: { ...process.env, ...env } },
      )
    ).stdout;
  await git(['rev-parse', '--git-dir']).catch(() => git(['init', '--quiet']));
  const known = new Set((await git(['log', '--format=%s']).catch(() => '')).split('\n'));
  let committed = 0;
  for (const { version, node, digest, acceptedAtMs, text } of versions) {
    const subject = `configuration version ${version} (${digest})`;
    if (known.has(subject)) continue;
    await writeFile(join(folder, FILE), text);
    await git(['add', FILE]);
    const date = isoTime(acceptedAtMs);
    await git(['commit', '--quiet', '--allow-empty', '-m', subject, '-m', `Accepted by ${node}.`], {
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_DATE: date,
    });
    committed++;
  }
  return committed;
}
