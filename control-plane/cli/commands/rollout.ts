import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { action, type Tools } from '../command.ts';
import { ago, durationMs } from '../duration.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { plain, table } from '../table.ts';

interface Rollout {
  id: string;
  plan: { server: string; from: string; to: string; strategy: string };
  steps: number[];
  startedAtMs: number;
  isPaused: boolean;
  phase: { kind: string; index?: number; isHeld?: boolean; reason: string; sinceMs: number };
  weights: Record<string, number>;
}
interface StartOptions {
  from: string;
  to: string;
  strategy: string;
  steps?: string;
  interval?: string;
  step?: string;
  stepTimeout?: string;
  holdTimeout?: string;
  minSessions?: string;
  minCalls?: string;
  maxErrors?: string;
  maxP99?: string;
  maxP99Ratio?: string;
  contract?: string;
  onRollback?: string;
  wait?: boolean;
}

const phaseOf = ({ phase, steps, isPaused }: Rollout): string =>
  `${phase.kind === 'step' ? `${steps[phase.index ?? 0]} %` : phase.isHeld ? 'held' : phase.kind}${isPaused ? ' (paused)' : ''}`;
const describe = (rollout: Rollout): string =>
  `${rollout.plan.server} ${rollout.plan.from} → ${rollout.plan.to}: ${phaseOf(rollout)}: ${plain(rollout.phase.reason)}`;
const isOver = ({ phase }: Rollout): boolean => ['promoted', 'rolled-back', 'aborted'].includes(phase.kind);
const at = (server: string, more = ''): string => `/v1/rollouts/${encodeURIComponent(server)}${more}`;

function number(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw usageError(`${option}: ${JSON.stringify(text)} is not a number`);
  return Number(text);
}
const time = (text: string | undefined, option: string): number | undefined =>
  text === undefined ? undefined : durationMs(text, option);

async function start(tools: Tools, server: string, options: StartOptions): Promise<void> {
  const plan = {
    server,
    from: options.from,
    to: options.to,
    strategy: options.strategy,
    steps: options.steps?.split(',').map((part) => number(part.trim(), '--steps')),
    intervalMs: time(options.interval, '--interval'),
    stepMs: time(options.step, '--step'),
    stepTimeoutMs: time(options.stepTimeout, '--step-timeout'),
    holdTimeoutMs: time(options.holdTimeout, '--hold-timeout'),
    minSessions: number(options.minSessions, '--min-sessions'),
    minCalls: number(options.minCalls, '--min-calls'),
    maxErrorPercent: number(options.maxErrors, '--max-errors'),
    maxP99Ms: time(options.maxP99, '--max-p99'),
    maxP99Ratio: number(options.maxP99Ratio, '--max-p99-ratio'),
    contract: options.contract,
    onRollback: options.onRollback,
  };
  const rollout = await tools.client.post<Rollout>('/v1/rollouts', plan);
  if (options.wait) return wait(tools, server);
  tools.out.show(rollout, () => `${describe(rollout)}\nSee \`holdfast rollout status ${server}\`.`);
}

/** Shows how far it is until it is over; 1 unless it was promoted. */
async function wait({ client, out }: Tools, server: string): Promise<void> {
  for (;;) {
    const rollout = await client.get<Rollout>(at(server));
    if (isOver(rollout)) {
      out.settle();
      out.show(rollout, () => describe(rollout));
      if (rollout.phase.kind !== 'promoted') throw new CliError(EXIT.unmet, `not promoted: ${rollout.phase.reason}`);
      return;
    }
    out.progress(describe(rollout));
    await sleep(300);
  }
}

async function status(tools: Tools, server: string | undefined, { watch }: { watch?: boolean }): Promise<void> {
  const { client, out } = tools;
  if (watch) {
    if (server === undefined) throw usageError('--watch needs the name of a server');
    return wait(tools, server);
  }
  const rollouts =
    server === undefined ? await client.get<Rollout[]>('/v1/rollouts') : [await client.get<Rollout>(at(server))];
  out.show(rollouts, () =>
    rollouts.length === 0
      ? 'no rollouts'
      : table(
          ['server', 'from', 'to', 'strategy', 'steps', 'phase', 'weights', 'started', 'why'],
          rollouts.map((each) => [
            each.plan.server,
            each.plan.from,
            each.plan.to,
            each.plan.strategy,
            each.steps.join(' → '),
            phaseOf(each),
            Object.entries(each.weights)
              .map(([name, weight]) => `${name} ${weight}`)
              .join(', '),
            ago(each.startedAtMs, Date.now()),
            each.phase.reason,
          ]),
        ),
  );
}

const simple = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument('<server>')
    .action(
      action(async ({ client, out }, server: string) => {
        const rollout = await client.post<Rollout>(at(server, `/${name}`), {});
        out.show(rollout, () => describe(rollout));
      }),
    );

export function rolloutCommand(): Command {
  const rollout = new Command('rollout').description(
    'Moves a server’s new sessions from one backend to another, watches, and goes on or back.',
  );
  rollout
    .command('start')
    .description('Starts one.')
    .argument('<server>')
    .requiredOption('--from <backend>', 'the backend that serves now')
    .requiredOption('--to <backend>', 'the backend that is to serve')
    .addOption(
      new Option('--strategy <strategy>', 'how').choices(['canary', 'blue-green', 'rolling']).default('canary'),
    )
    .option('--steps <percents>', 'canary: percent of new sessions, rising to 100 (10,50,100)')
    .option('--interval <time>', 'between two analyses (30s)')
    .option('--step <time>', 'shortest time in a step (60s)')
    .option('--step-timeout <time>', 'a step without enough sessions for this long is rolled back (1h)')
    .option('--hold-timeout <time>', 'a held contract is rolled back after this long (10m)')
    .option(
      '--min-sessions <count>',
      'new sessions that a step must have seen (5); 0 without Redis, where nobody counts',
    )
    .option('--min-calls <count>', 'calls before rates are looked at (20)')
    .option('--max-errors <percent>', 'errors beyond the old backend’s (1)')
    .option('--max-p99 <time>', 'p99 of calls (only compared)')
    .option('--max-p99-ratio <factor>', 'p99 compared with the old backend’s (3)')
    .addOption(
      new Option('--contract <what>', 'differences of the tools that hold it').choices(['breaking', 'warning', 'off']),
    )
    .addOption(new Option('--on-rollback <what>', 'the new backend’s sessions then').choices(['recall', 'leave']))
    .option('--wait', 'wait until it is over')
    .action(action(start));
  rollout
    .command('status')
    .description('Rollouts, running or over.')
    .argument('[server]')
    .option('--watch', 'show how far it is until it is over; exit code 1 unless it was promoted')
    .action(action(status));
  rollout.addCommand(simple('pause', 'Stays at its step; analysis goes on and may roll back.'));
  rollout.addCommand(simple('resume', 'Goes on after a pause, or approves what held it.'));
  rollout.addCommand(simple('promote', 'All new sessions to the new backend, at once.'));
  rollout.addCommand(simple('abort', 'All new sessions back to the old backend, at once.'));
  rollout
    .command('clear')
    .description('Forgets one that is over: the configured weights are in force again.')
    .argument('<server>')
    .action(
      action(async ({ client, out }, server: string) => {
        const answer = await client.post<{ cleared: string }>(at(server, '/clear'), {});
        out.show(answer, () => `${server}: the configured weights are in force again`);
      }),
    );
  rollout
    .command('contract')
    .description('How the tools of two backends differ; exit code 1 when something breaks.')
    .argument('<server>')
    .requiredOption('--from <backend>', 'the old one')
    .requiredOption('--to <backend>', 'the new one')
    .action(
      action(async ({ client, out }, server: string, { from, to }: { from: string; to: string }) => {
        const changes = await client.get<Array<{ level: string; tool: string; description: string }>>('/v1/contract', {
          server,
          from,
          to,
        });
        out.show(changes, () =>
          changes.length === 0
            ? 'the tools are the same'
            : table(
                ['level', 'tool', 'difference'],
                changes.map(({ level, tool, description }) => [level, tool, description]),
              ),
        );
        const breaking = changes.filter(({ level }) => level === 'breaking').length;
        if (breaking > 0) throw new CliError(EXIT.unmet, `${breaking} breaking difference(s)`);
      }),
    );
  return rollout;
}
