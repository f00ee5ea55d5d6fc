import { Command } from 'commander';
import { isTrustDomain, MESH_ROLES, readMeshName } from '../../../proto/identity/mesh-name.ts';
import { certificateStatus, renewCertificates, type Member } from '../../certs/certificate-folder.ts';
import { TRUST_DOMAIN } from '../../certs/member-name.ts';
import { action, type Tools } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { table } from '../table.ts';

interface Options {
  dir: string;
  days: string;
  renewDays: string;
  trustDomain: string;
}

const FOLDER = 'certs';

/** `edge`, `edge=mcp.example.com,10.0.0.1`, `gateway/eu-1=10.0.0.7`, `gateway/holdfast-gateway/pods`. */
function memberOf(text: string, trustDomain: string): Member {
  const [whole = '', altNames = ''] = text.split('=');
  const [roleText, id] = whole.includes('/')
    ? [whole.split('/')[0], whole.slice(whole.indexOf('/') + 1)]
    : [null, whole];
  const mesh = roleText === null ? undefined : readMeshName(`spiffe://${trustDomain}/${roleText}/${id}`);
  const name = mesh?.id ?? whole;
  if (mesh === null || !/^[\w.-]{1,63}$/.test(name) || name === 'ca')
    throw usageError(
      `${JSON.stringify(text)} is not a member: NAME or ROLE/NAME (ROLE: ${MESH_ROLES.join(', ')}), then =DNS-NAME-OR-IP,… (\`ca\` is the authority’s)`,
    );
  return {
    name,
    altNames: altNames
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean),
    ...(mesh && { mesh }),
  };
}

const settings = ({ dir, days, renewDays, trustDomain }: Options) => {
  const whole = (text: string, option: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw usageError(`${option}: ${JSON.stringify(text)} is not a whole number of days`);
    return value;
  };
  if (!isTrustDomain(trustDomain))
    throw usageError(`--trust-domain: ${JSON.stringify(trustDomain)} is not one (lower-case letters, digits, . _ -)`);
  return {
    folder: dir,
    now: new Date(),
    days: whole(days, '--days'),
    renewDays: whole(renewDays, '--renew-days'),
    trustDomain,
  };
};

async function renew({ out }: Tools, members: readonly string[], options: Options): Promise<void> {
  const wanted = settings(options);
  // Those that are there already stay with the names they have.
  const present = (await certificateStatus(wanted))
    .filter(({ name, state }) => name !== 'ca' && state !== 'missing')
    .map(({ name }) => ({ name, altNames: [] as string[] }));
  const named = members.map((member) => memberOf(member, wanted.trustDomain));
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
    .option('--renew-days <days>', 'renewed when fewer days are left', '30')
    .option('--trust-domain <name>', 'name of the mesh, in every certificate', TRUST_DOMAIN);

export function certsCommand(): Command {
  const certs = new Command('certs').description(
    'A private authority for the mesh: certificates of edges, gateways, sidecars and control planes.',
  );
  withOptions(certs.command('init'))
    .description('Makes the authority, and a certificate for each member.')
    .argument(
      '<member...>',
      '[ROLE/]NAME[=DNS-NAME-OR-IP,…]: edge, gateway-1=10.0.0.1, control-plane, gateway/eu-1, gateway/NAME/pods for pods that are named NAME-…',
    )
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
