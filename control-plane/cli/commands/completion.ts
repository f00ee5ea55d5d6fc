import { Argument, Command } from 'commander';
import { action } from '../command.ts';
import { completionScript } from '../completion-script.ts';

export const completionCommand = (): Command =>
  new Command('completion')
    .description('Prints a completion script for a shell.')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(holdfast completion bash)\n  holdfast completion zsh > "${fpath[1]}/_holdfast"',
    )
    .action(
      action((_tools, shell: 'bash' | 'zsh', _options: object, command: Command) => {
        process.stdout.write(completionScript(shell, command.parent ?? command));
      }),
    );
