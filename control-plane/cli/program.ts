import { Command } from 'commander';
import { backupCommand } from './commands/backup.ts';
import { breakerCommand } from './commands/breaker.ts';
import { certsCommand } from './commands/certs.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand, undrainCommand } from './commands/drain.ts';
import { eventsCommand } from './commands/events.ts';
import { explainCommand } from './commands/explain.ts';
import { injectCommand } from './commands/inject.ts';
import { regionCommand } from './commands/region.ts';
import { rolloutCommand } from './commands/rollout.ts';
import { schemaCommand } from './commands/schema.ts';
import { sessionsCommand } from './commands/sessions.ts';
import { gatewaysCommand, replicasCommand, serversCommand, statusCommand } from './commands/status.ts';
import { tapCommand } from './commands/tap.ts';
import { topCommand } from './commands/top.ts';
import { validateCommand } from './commands/validate.ts';
import { VERSION } from '../../proto/version.ts';
import { versionCommand } from './commands/version.ts';
import { EXIT_HELP } from './exit-code.ts';

/** The whole command line. Wrong use throws a CommanderError, after commander has said what is wrong. */
export function program(): Command {
  const holdfast = new Command('holdfast')
    .description('Operates a Holdfast mesh: see what is going on, take replicas out, roll out new versions.')
    .version(VERSION)
    .option(
      '--admin <ip:port>',
      'admin port of a control plane (HOLDFAST_ADMIN; else the configuration’s; else 127.0.0.1:18001)',
    )
    .option('--token-file <file>', 'file with the admin API’s bearer token (HOLDFAST_TOKEN_FILE)')
    .option('--config <file>', 'configuration file (HOLDFAST_CONFIG; else holdfast.yaml)')
    .option('--json', 'JSON instead of tables')
    .addHelpText('after', EXIT_HELP)
    .showHelpAfterError('(see --help)')
    .configureHelp({ showGlobalOptions: true });
  const commands = [
    validateCommand(),
    schemaCommand(),
    statusCommand(),
    serversCommand(),
    replicasCommand(),
    gatewaysCommand(),
    sessionsCommand(),
    explainCommand(),
    drainCommand(),
    undrainCommand(),
    rolloutCommand(),
    breakerCommand(),
    configCommand(),
    eventsCommand(),
    topCommand(),
    tapCommand(),
    doctorCommand(),
    backupCommand(),
    regionCommand(),
    certsCommand(),
    injectCommand(),
    checkCommand(),
    completionCommand(),
    versionCommand(),
  ];
  for (const command of commands) holdfast.addCommand(command);
  for (const each of all(holdfast))
    each
      .exitOverride()
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({ outputError: (text, write) => write(withChoices(each, text)) })
      .showHelpAfterError('(see --help)');
  return holdfast;
}

/** To a word that a command does not know, what it has: an operator looks for `list` where it is `history`. */
function withChoices(command: Command, text: string): string {
  const [choices, what] = text.startsWith('error: unknown command')
    ? [command.commands.map((each) => each.name()), 'commands']
    : text.startsWith('error: unknown option')
      ? [command.options.flatMap(({ long }) => long ?? []), 'options']
      : [[], ''];
  // `--help` of the whole program is in the line below anyway, and its commands are too many for one line.
  const { parent } = command;
  return parent === null || choices.length === 0
    ? text
    : `${text.trimEnd()}\n${parent.name()} ${command.name()} has the ${what} ${choices.join(', ')}\n`;
}

/** A command and everything below it. */
export const all = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap((each) => all(each as Command)),
];
