import { Command } from 'commander';
import { action, type Tools } from '../command.ts';
import { ago } from '../duration.ts';
import { usageError } from '../exit-code.ts';
import { table } from '../table.ts';

interface Breaker {
  server: string;
  level: string;
  key: string;
  replica: string | null;
  state: string;
  decision: { sinceMs: number; openings: number } | null;
  order: { by: string; atMs: number } | null;
}
interface Target {
  replica?: string;
  tool?: string;
}

const order = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument('<server>')
    .option('--replica <name>', 'the replica’s breaker')
    .option('--tool <name>', 'the tool’s breaker')
    .action(
      action(async ({ client, out }: Tools, server: string, { replica, tool }: Target) => {
        const key = replica ?? tool;
        if (key === undefined || (replica !== undefined && tool !== undefined))
          throw usageError('name one breaker: --replica or --tool');
        const level = replica === undefined ? 'tool' : 'replica';
        const answer = await client.post('/v1/breakers', {
          server,
          level,
          key,
          command: name,
        });
        out.show(answer, () => `${server} ${level} ${key}: ${name}`);
      }),
    );

export function breakerCommand(): Command {
  const breaker = new Command('breaker').description('Circuit breakers of the whole fleet.');
  breaker
    .command('list')
    .description('Those that were ever open or that somebody ordered something of; the others are closed.')
    .option('--server <name>', 'only this server’s')
    .action(
      action(async ({ client, out }, { server }: { server?: string }) => {
        const breakers = await client.get<Breaker[]>('/v1/breakers', { server });
        out.show(breakers, () =>
          breakers.length === 0
            ? 'all are closed'
            : table(
                ['server', 'level', 'of', 'state', 'since', 'openings', 'ordered by'],
                breakers.map((each) => [
                  each.server,
                  each.level,
                  each.replica ?? each.key,
                  each.state,
                  ago(each.order?.atMs ?? each.decision?.sinceMs, Date.now()),
                  each.decision?.openings,
                  each.order?.by,
                ]),
              ),
        );
      }),
    );
  breaker.addCommand(order('force-open', 'Rejects every request, until reset.'));
  breaker.addCommand(order('disable', 'Lets everything through and counts nothing, until reset.'));
  breaker.addCommand(order('observe', 'Lets everything through and counts, until reset.'));
  breaker.addCommand(order('reset', 'Closes it and leaves it to itself again.'));
  return breaker;
}
