import { Command } from 'commander';
import { good, not, type DoctorCheck } from '../../admin/doctor.ts';
import { askPrometheus } from '../client.ts';
import { action } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { prometheusChecks } from '../prometheus-checks.ts';
import { plain } from '../table.ts';
import { durationMs } from '../duration.ts';
import { watchDoctor } from '../watch-doctor.ts';

const MARK = { good: 'ok  ', warning: 'warn', bad: 'BAD ', unknown: '?   ' };

const WATCH_MS = 30_000;
const LEAST_WATCH_MS = 1000;

const format = ({ area, name, verdict, description, advice }: DoctorCheck): string =>
  [
    `${MARK[verdict]}  ${area.padEnd(14)}  ${plain(name)}: ${plain(description)}`,
    ...(advice === null ? [] : [`${' '.repeat(22)}${advice}`]),
  ].join('\n');

function intervalMs(watch: string | true): number {
  const ms = watch === true ? WATCH_MS : durationMs(watch, '--watch');
  if (ms < LEAST_WATCH_MS) throw usageError(`--watch ${watch}: expected 1s or more`);
  return ms;
}

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description(
      'Goes through what should be watched in production: gateways, Redis, servers, balancer, certificates, objectives (availability, response times, errors), resources. Exit code 1 when something is bad.',
    )
    .option('--watch [duration]', 'go on, and show what changes; again after this long (30s)')
    .option('--prometheus <url>', 'judge the objectives over 30 days as well, by this Prometheus (HOLDFAST_PROMETHEUS)')
    .action(
      action(
        async (
          { client, out, env },
          { watch, prometheus = env['HOLDFAST_PROMETHEUS'] }: { watch?: string | true; prometheus?: string },
        ) => {
          if (prometheus !== undefined && !/^https?:\/\/[^/]/.test(prometheus))
            throw usageError(`--prometheus ${prometheus}: expected a URL like http://127.0.0.1:9090`);
          const look = async (): Promise<DoctorCheck[]> => [
            ...(await client.get<DoctorCheck[]>('/v1/doctor')),
            ...(prometheus === undefined ? [] : await overTime(prometheus)),
          ];
          if (watch !== undefined) return watchDoctor(look, out, intervalMs(watch));
          const checks = await look();
          out.show(checks, () => checks.map(format).join('\n'));
          const bad = checks.filter(({ verdict }) => verdict === 'bad').length;
          if (bad > 0) throw new CliError(EXIT.unmet, `${bad} bad`);
        },
      ),
    );

async function overTime(url: string): Promise<DoctorCheck[]> {
  try {
    return [good('control-plane', 'Prometheus', `${url} answers`), ...(await prometheusChecks(askPrometheus(url)))];
  } catch (error) {
    return [
      not(
        'bad',
        'control-plane',
        'Prometheus',
        `${url} can’t be asked: ${(error as Error).message}`,
        'Without it alerts are silent, and objectives are only known as far as gateways count them.',
      ),
    ];
  }
}
