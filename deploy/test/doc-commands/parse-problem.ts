import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { program } from '../../../control-plane/cli/program.ts';

const run = promisify(execFile);
const WORD = /"[^"]*"|'[^']*'|\S+/g;
const helps = new Map<string, Promise<string>>();

/** What is wrong with a command of a page, without running it; null: nothing. */
export async function parseProblem(
  root: string,
  by: 'npm' | 'holdfast' | 'node' | 'files',
  line: string,
): Promise<string | null> {
  const words: string[] = line.replace(/ >.*$/, '').match(WORD) ?? [];
  switch (by) {
    case 'npm':
      return npmProblem(root, words);
    case 'holdfast':
      return holdfastProblem(words.slice(words.indexOf('holdfast') + 1));
    case 'node':
      return programProblem(root, words.slice(words[1] === 'deploy/setup/with-node.js' ? 2 : 1));
    case 'files': {
      const missing = words.find((word) => word.includes('/') && !existsSync(join(root, word)));
      return missing === undefined ? null : `there is no ${missing}`;
    }
  }
}

/** `npm run NAME -- …` and `npm start -- …`: the script's program says by --help what it takes. */
async function npmProblem(root: string, words: readonly string[]): Promise<string | null> {
  const at = words.indexOf('npm');
  const name = words[at + 1] === 'run' ? words[at + 2] : words[at + 1];
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const script = scripts[name ?? ''];
  if (script === undefined) return `package.json has no script ${name}`;
  const path = script.split(' ').find((word) => word.endsWith('.ts'));
  const rest = words.includes('--') ? words.slice(words.indexOf('--') + 1) : [];
  return path === undefined || rest.length === 0 ? null : programProblem(root, [path, ...rest]);
}

async function programProblem(root: string, [path = '', ...rest]: readonly string[]): Promise<string | null> {
  if (path === 'FILE') return null;
  if (!existsSync(join(root, path))) return `there is no ${path}`;
  const options = rest.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '');
  // What is only looked for in the arguments has no help.
  const source = readFileSync(join(root, path), 'utf8');
  const isRead = (option: string): boolean => source.includes(`'${option}'`);
  if (options.every(isRead) && rest.every((word) => word.startsWith('--'))) return null;
  const help = await helpOf(root, path);
  const unknown = options.find((option) => !new RegExp(`${option}\\b`).test(help));
  if (unknown !== undefined) return `${path} --help does not name ${unknown}`;
  const [operand] = rest;
  return operand === undefined || operand.startsWith('-') || /^[A-Z]+$/.test(operand) || help.includes(operand)
    ? null
    : `${path} --help does not name ${operand}`;
}

function helpOf(root: string, path: string): Promise<string> {
  const before = helps.get(path);
  if (before) return before;
  const found = run('node', ['deploy/setup/with-node.js', path, '--help'], { cwd: root }).then(({ stdout }) => stdout);
  helps.set(path, found);
  return found;
}

function holdfastProblem(words: readonly string[]): string | null {
  let command: Command = program();
  let at = 0;
  for (; at < words.length; at++) {
    const next = command.commands.find((each) => each.name() === words[at] || each.aliases().includes(words[at] ?? ''));
    if (!next) break;
    command = next as Command;
  }
  const known = [...command.options, ...program().options].map(({ long }) => long);
  const unknown = words
    .slice(at)
    .find((word) => word.startsWith('--') && word !== '--help' && !known.includes(word.split('=')[0]));
  if (unknown !== undefined) return `holdfast ${command.name()} has no ${unknown}`;
  return at === 0 && words[0] !== undefined && !words[0].startsWith('-') ? `holdfast has no command ${words[0]}` : null;
}
