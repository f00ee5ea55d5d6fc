import { Command } from 'commander';
import { action } from '../command.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { plain } from '../table.ts';

interface Check { area: string; name: string; verdict: 'good' | 'warning' | 'bad' | 'unknown'; says: string; advice: string | null }
const MARK = { good: 'ok  ', warning: 'warn', bad: 'BAD ', unknown: '?   ' };

export const doctorCommand = (): Command => new Command('doctor').description('Goes through what should be watched in production: gateways, Redis, servers, balancer, certificates, response times, errors, resources. Exit code 1 when something is bad.')
  .action(action(async ({ client, out }) => {
    const checks = await client.get<Check[]>('/v1/doctor');
    out.show(checks, () => checks.flatMap(({ area, name, verdict, says, advice }) => [`${MARK[verdict]}  ${area.padEnd(14)}  ${plain(name)}: ${plain(says)}`, ...(advice === null ? [] : [`${' '.repeat(22)}${advice}`])]).join('\n'));
    const bad = checks.filter(({ verdict }) => verdict === 'bad').length;
    if (bad > 0) throw new CliError(EXIT.unmet, `${bad} bad`);
  }));
