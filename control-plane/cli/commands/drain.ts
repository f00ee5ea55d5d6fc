import { isoTime } from '../../../proto/iso-time.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { action, type Tools } from '../command.ts';
import { durationMs } from '../duration.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { plain, table } from '../table.ts';

type Target =
  | { kind: 'replica'; server: string; replica: string }
  | { kind: 'backend'; server: string; backend: string }
  | { kind: 'gateway'; gateway: string };
interface Drain {
  target: Target;
  startedAtMs: number;
  deadlineAtMs: number;
  doneAtMs: number | null;
  reason: string;
  untilRestart: boolean;
  remaining: { sessions: number; inFlight: number | null };
}
interface Options {
  server?: string;
  backend?: string;
  gateway?: string;
  deadline: string;
  wait: boolean;
  untilRestart?: boolean;
}

const nameOf = (target: Target): string =>
  plain(
    target.kind === 'gateway'
      ? `gateway ${target.gateway}`
      : target.kind === 'backend'
        ? `${target.server} backend ${target.backend}`
        : `${target.server} ${target.replica}`,
  );

const nameOne = () => usageError('name one thing: a replica, --backend with --server, or --gateway');

/** What the command line names: `linear/linear-1`, a replica's name that only one server has, a backend or a gateway. */
async function targetOf(
  { client }: Tools,
  replica: string | undefined,
  { server, backend, gateway }: Options,
): Promise<Target> {
  if ([replica, backend, gateway].filter((each) => each !== undefined).length !== 1) throw nameOne();
  if (gateway !== undefined) return { kind: 'gateway', gateway };
  if (backend !== undefined) {
    if (server === undefined) throw usageError('--backend needs --server');
    return { kind: 'backend', server, backend };
  }
  if (replica === undefined) throw nameOne();
  if (server !== undefined) return { kind: 'replica', server, replica };
  const all = await client.get<Array<{ server: string; replica: string; address: string }>>('/v1/replicas');
  const matching = all.filter((each) =>
    [each.replica, each.address, `${each.server}/${each.replica}`, `${each.server}/${each.address}`].includes(replica),
  );
  const [first] = matching;
  if (!first)
    throw new CliError(
      EXIT.refused,
      `there is no replica ${replica}; there are ${
        all
          .map((each) => `${each.server}/${each.replica}`)
          .sort()
          .join(', ') || 'none'
      }`,
    );
  if (matching.length > 1)
    throw usageError(
      `${replica} is a replica of ${matching.map((each) => each.server).join(' and ')}: say which with --server`,
    );
  return { kind: 'replica', server: first.server, replica: first.replica };
}

async function drain(tools: Tools, replica: string | undefined, options: Options): Promise<void> {
  const { client, out } = tools;
  const deadlineMs = durationMs(options.deadline, '--deadline');
  const target = await targetOf(tools, replica, options);
  const started = await client.post<Drain & { warning?: string | null }>('/v1/drains', {
    target,
    deadlineMs,
    untilRestart: options.untilRestart === true,
  });
  const name = nameOf(started.target);
  if (started.warning) process.stderr.write(`holdfast: warning: ${plain(started.warning)}\n`);
  if (!options.wait)
    return out.show(started, () => `${name}: draining, at most ${options.deadline}; see \`holdfast drain list\``);
  for (;;) {
    const now = (await client.get<Drain[]>('/v1/drains')).find((each) => nameOf(each.target) === name);
    if (!now || now.doneAtMs !== null) {
      out.settle();
      const isLate = now?.reason.startsWith('deadline') ?? false;
      out.show(now ?? started, () => `${name}: ${isLate ? '' : 'drained: '}${plain(now?.reason ?? 'taken in again')}`);
      if (isLate)
        throw new CliError(
          EXIT.unmet,
          `${name}: the deadline came first; what is left is rebuilt elsewhere when the replica goes`,
        );
      return;
    }
    out.progress(
      `${name}: ${plain(now.reason)}; ${Math.max(0, Math.ceil((now.deadlineAtMs - Date.now()) / 1000))} s to the deadline`,
    );
    await sleep(300);
  }
}

const targetOptions = (command: Command): Command =>
  command
    .argument('[replica]', 'name, ip:port, or <server>/<name>')
    .option('--server <name>', 'server of the replica or backend')
    .option('--backend <name>', 'a whole backend')
    .option('--gateway <name>', 'a gateway node');

export const drainCommand = (): Command =>
  targetOptions(new Command('drain'))
    .description(
      'Takes a replica, a backend or a gateway node out: no new sessions, calls in flight finish, sessions move. Waits until it is done.',
    )
    .option('--deadline <time>', 'done after this long, whatever is left', '60s')
    .option('--until-restart', 'take the replica in again by itself when it was restarted')
    .option('--no-wait', 'do not wait')
    .addHelpText('after', '\n`holdfast drain list` shows what is drained or being drained.')
    .action(
      action(async (tools, replica: string | undefined, options: Options) =>
        replica === 'list' && options.server === undefined ? list(tools) : drain(tools, replica, options),
      ),
    );

export const undrainCommand = (): Command =>
  targetOptions(new Command('undrain'))
    .description('Takes it in again.')
    .action(
      action(async (tools, replica: string | undefined, options: Options) => {
        const ended = await tools.client.post<Drain>('/v1/undrain', {
          target: await targetOf(tools, replica, options),
        });
        tools.out.show(ended, () => `${nameOf(ended.target)}: takes new sessions again`);
      }),
    );

async function list({ client, out }: Tools): Promise<void> {
  const drains = await client.get<Drain[]>('/v1/drains');
  out.show(drains, () =>
    drains.length === 0
      ? 'nothing is drained'
      : table(
          ['what', 'state', 'sessions', 'in flight', 'since', 'why'],
          drains.map((each) => [
            nameOf(each.target),
            each.doneAtMs === null ? 'draining' : 'drained',
            each.remaining.sessions,
            each.remaining.inFlight,
            isoTime(each.startedAtMs),
            each.reason,
          ]),
        ),
  );
}
