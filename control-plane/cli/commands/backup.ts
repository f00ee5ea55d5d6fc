import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { listBackups, pruneBackups, storeBackup, verifyBackup } from '../../backup/backup-folder.ts';
import { commitConfigHistory, isGitHere } from '../../backup/config-history.ts';
import { fileProblem } from '../../../proto/file-problem.ts';
import { dumpKeys, restoreKeys } from '../../backup/redis-keys.ts';
import { action, type Tools } from '../command.ts';
import { durationMs } from '../duration.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { withRedis } from '../store.ts';
import { plain, table } from '../table.ts';

interface CreateOptions {
  to: string;
  every?: string;
  keep?: string;
  url?: string;
  git?: string;
  wait?: string;
}

const FOLDER = 'backups';

async function createOne(tools: Tools, options: CreateOptions): Promise<void> {
  const { out } = tools,
    startedMs = Date.now();
  const readyMs = options.wait === undefined ? undefined : durationMs(options.wait, '--wait');
  const entries = await withRedis(tools, options.url, dumpKeys, readyMs);
  const path = await storeBackup(options.to, entries, { createdAt: new Date(startedMs), node: hostname() });
  const removed = options.keep === undefined ? [] : await pruneBackups(options.to, wholeNumber(options.keep, '--keep'));
  const { git } = options;
  const versions =
    git === undefined ? null : await withRedis(tools, options.url, (redis) => commitConfigHistory(redis, git));
  const sessions = entries.filter(({ key }) => /^holdfast:\{[^}]*\}:session:/.test(key)).length;
  const show = options.every === undefined ? out.show : out.line;
  show(
    { path, keys: entries.length, sessions, removed, versions, tookMs: Date.now() - startedMs },
    () =>
      `${path}: ${entries.length} keys, ${sessions} sessions${removed.length > 0 ? `; ${removed.length} older removed` : ''}${versions === null ? '' : `; ${versions} configuration versions committed`}`,
  );
}

async function create(tools: Tools, options: CreateOptions): Promise<void> {
  if (options.keep !== undefined) wholeNumber(options.keep, '--keep');
  if (options.git !== undefined && !(await isGitHere()))
    throw usageError(
      '--git: git is not on this machine; install it, or leave --git out (the backup holds every configuration version too)',
    );
  if (options.every === undefined) return createOne(tools, options);
  const everyMs = durationMs(options.every, '--every');
  if (everyMs < 1000) throw usageError('--every: at least 1s');
  // The first at once: a job that is restarted has one whatever its clock says.
  for (;;) {
    await createOne(tools, options).catch((error: Error) => {
      process.stderr.write(`holdfast: no backup this time: ${error.message}\n`);
    });
    await sleep(everyMs);
  }
}

async function readGood(
  file: string,
): Promise<Extract<Awaited<ReturnType<typeof verifyBackup>>, { kind: 'ok' }>['backup']> {
  const read = await verifyBackup(file).catch((error: Error) => {
    throw usageError(`${file} can’t be read: ${fileProblem(error)}`);
  });
  if (read.kind !== 'ok') throw new CliError(EXIT.refused, `${file} is not used: ${read.why}`);
  return read.backup;
}

export function backupCommand(): Command {
  const backup = new Command('backup').description(
    'Sessions, slots, rollouts and every version of the configuration: saved from Redis, and brought back.',
  );
  backup
    .command('create')
    .description('Saves everything that Redis holds of the mesh into one checked file.')
    .option('--to <folder>', 'where to', FOLDER)
    .option('--every <time>', 'stay, and make one this often (6h)')
    .option('--keep <count>', 'remove older ones beyond this many')
    .option('--url <url>', 'where Redis is (SESSION_STORE_URL; else the configuration’s)')
    .option('--wait <time>', 'how long Redis may take to answer (60s); 5 s without it')
    .option('--git <folder>', 'also commit each configuration version to this git repository')
    .action(action(create));
  backup
    .command('list')
    .description('The backups in a folder, each checked, newest first.')
    .argument('[folder]', 'where they are', FOLDER)
    .action(
      action(async ({ out }, folder: string) => {
        const files = await listBackups(folder);
        out.show(files, () =>
          files.length === 0
            ? `there is no backup in ${folder}`
            : table(
                ['name', 'created', 'keys', 'bytes', 'state'],
                files.map((each) => [each.name, each.createdAt, each.keys, each.bytes, plain(each.why ?? 'good')]),
              ),
        );
      }),
    );
  backup
    .command('verify')
    .description('Reads a backup to its end. Exit code 65 when it is damaged.')
    .argument('<file>')
    .action(
      action(async ({ out }, file: string) => {
        const { header } = await readGood(file);
        out.show(header, () => `${file} is whole: ${header.keys} keys of ${header.createdAt}`);
      }),
    );
  backup
    .command('restore')
    .description(
      'Puts a backup in the place of what Redis holds of the mesh: all of it or nothing. Do it before the control planes start.',
    )
    .argument('<file>')
    .option('--url <url>', 'where Redis is (SESSION_STORE_URL; else the configuration’s)')
    .option('--yes', 'replace what is there')
    .action(
      action(async (tools, file: string, { url, yes }: { url?: string; yes?: boolean }) => {
        const { header, entries } = await readGood(file);
        const restored = await withRedis(tools, url, async (redis) => {
          const present = (await dumpKeys(redis)).length;
          if (present > 0 && !yes)
            throw new CliError(
              EXIT.refused,
              `Redis holds ${present} keys of the mesh, which a restore replaces: say --yes`,
            );
          return restoreKeys(redis, entries, Date.now() - Date.parse(header.createdAt));
        });
        tools.out.show(
          { restored, createdAt: header.createdAt },
          () => `${restored} keys of ${header.createdAt} are back (${header.keys - restored} had expired since)`,
        );
      }),
    );
  return backup;
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw usageError(`${option}: ${JSON.stringify(text)} is not a whole number above 0`);
  return value;
}
