import { Command } from 'commander';
import { certificateStatus, renewCertificates, type Member } from '../../certs/certificate-folder.ts';
import { action, type Tools } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { table } from '../table.ts';

interface Options {
  dir: string;
  days: string;
  renewDays: string;
}

const FOLDER = 'certs';

/** `edge`, or `edge=mcp.example.com,10.0.0.1`. */
function memberOf(text: string): Member {
  const [name, altNames = ''] = text.split('=');
  if (!name || !/^[\w.-]{1,63}$/.test(name) || name === 'ca')
    throw usageError(
      `${JSON.stringify(text)} is not a member: NAME, or NAME=DNS-NAME-OR-IP,… (\`ca\` is the authority’s)`,
    );
  return {
    name,
    altNames: altNames
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean),
  };
}

const settings = ({ dir, days, renewDays }: Options) => {
  const whole = (text: string, option: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw usageError(`${option}: ${JSON.stringify(text)} is not a whole number of days`);
    return value;
  };
  return { folder: dir, now: new Date(), days: whole(days, '--days'), renewDays: whole(renewDays, '--renew-days') };
};

async function renew({ out }: Tools, members: readonly string[], options: Options): Promise<void> {
  const wanted = settings(options);
  // Those that are there already stay with the names they have.
  const present = (await certificateStatus(wanted))
    .filter(({ name, state }) => name !== 'ca' && state !== 'missing')
    .map(({ name }) => ({ name, altNames: [] as string[] }));
  const named = members.map(memberOf);
  const made = await renewCertificates(
    [...named, ...present.filter(({ name }) => !named.some((each) => each.name === name))],
    wanted,
  );
  out.show({ made }, () =>
    made.length === 0
      ? 'every certificate is good'
      : `made: ${made.map((name) => `${wanted.folder}/${name}.crt`).join(', ')}; running processes read them without a restart`,
  );
}

const withOptions = (command: Command): Command =>
  command
    .option('--dir <folder>', 'where they are kept', FOLDER)
    .option('--days <days>', 'how long a new one is good', '90')
    .option('--renew-days <days>', 'renewed when fewer days are left', '30');

export function certsCommand(): Command {
  const certs = new Command('certs').description(
    'A private authority for the mesh: certificates of edges, gateways, sidecars and control planes.',
  );
  withOptions(certs.command('init'))
    .description('Makes the authority, and a certificate for each member.')
    .argument('<member...>', 'NAME, or NAME=DNS-NAME-OR-IP,…: edge, gateway-1=10.0.0.1, control-plane')
    .action(action((tools, members: string[], options: Options) => renew(tools, members, options)));
  withOptions(certs.command('renew'))
    .description('Renews what is at its end, and adds members that are named.')
    .argument('[member...]', 'as for init')
    .action(action((tools, members: string[], options: Options) => renew(tools, members, options)));
  withOptions(certs.command('status'))
    .description('Each certificate and when it ends. Exit code 1 when one needs attention.')
    .action(
      action(async ({ out }, options: Options) => {
        const all = await certificateStatus(settings(options));
        if (all.length === 0)
          throw usageError(`there is no certificate in ${options.dir}: make them with \`holdfast certs init\``);
        out.show(all, () =>
          table(
            ['name', 'ends', 'days left', 'state'],
            all.map(({ name, notAfter, daysLeft, state }) => [name, notAfter, daysLeft, state]),
          ),
        );
        const bad = all.filter(({ state }) => state !== 'ok');
        if (bad.length > 0)
          throw new CliError(
            EXIT.unmet,
            `${bad.map(({ name, state }) => `${name} is ${state}`).join(', ')}: \`holdfast certs renew\``,
          );
      }),
    );
  return certs;
}
