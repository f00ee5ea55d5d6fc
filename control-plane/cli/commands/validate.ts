import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { formatProblem } from '../../../proto/config-file/problem.ts';
import { fileProblem } from '../../../proto/file-problem.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { action, type Tools } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { configFileOf } from '../settings.ts';

export const validateCommand = (): Command =>
  new Command('validate')
    .description('Checks a configuration file, with the environment that overrides it: every problem with its line.')
    .argument('[file]', 'the file; --config’s or holdfast.yaml when absent')
    .action(action(validate));

function validate({ out, options, env }: Tools, named: string | undefined): void {
  const file = named ?? configFileOf(options, env);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(
      `${file} can’t be read: ${fileProblem(error)}${named === undefined ? '; name another one: `holdfast validate FILE`' : ''}`,
    );
  }
  const parsed = parseConfig(text, env);
  if (parsed.kind === 'ok') {
    const { servers } = parsed.config;
    return out.show(
      { file, isValid: true, problems: [] },
      () =>
        `${file} is valid: ${servers.length} server(s), ${servers.reduce((sum, { backends }) => sum + backends.length, 0)} backend(s)`,
    );
  }
  const lines = parsed.problems.map((problem) => formatProblem(problem, file));
  if (out.isJson) out.show({ file, isValid: false, problems: parsed.problems }, () => '');
  throw new CliError(EXIT.usage, `${file}: ${lines.length} problem(s)\n${lines.join('\n')}`);
}
