import { readFileSync } from 'node:fs';
import test from 'ava';
import { Command } from 'commander';
import { formatOptionProblem, oneOf, readCommandLine, several, wholeNumber } from './command-line.ts';

const command = (): Command =>
  new Command('thing')
    .description('Does a thing.')
    .requiredOption('--config <file>', 'the configuration file')
    .option('--gateways <n>', 'how many', wholeNumber(1, 16), 2)
    .option('--role <role>', 'which', oneOf('gateway', 'edge'))
    .option('--case <name>', 'may be repeated', several(['a', 'b']))
    .option('--json', 'for programs', false);

const read = (...args: string[]) => readCommandLine<Record<string, unknown>>(command(), args);
const problems = (...args: string[]): string[] => {
  const line = read(...args);
  return line.kind === 'bad' ? line.problems.map(formatOptionProblem) : [line.kind];
};

test('values come typed and with their defaults', (t) => {
  t.like(read('--config', 'f', '--case', 'a', '--case=b', '--json'), {
    kind: 'ok',
    values: { config: 'f', gateways: 2, case: ['a', 'b'], json: true },
    operands: [],
  });
});

test('every problem is reported at once, with what was expected and what was probably meant', (t) => {
  t.deepEqual(problems('--gatways', '3', '--gateways', '0', '--role', 'core', '--case', 'c', '--jsno'), [
    '--gatways: expected a known option. Did you mean --gateways?',
    '--jsno: expected a known option. Did you mean --json?',
    '--config is missing: the configuration file',
    '--gateways 0: expected a whole number from 1 to 16',
    '--role core: expected one of gateway, edge',
    '--case c: expected one of a, b',
  ]);
  t.deepEqual(problems('--config', 'f', 'word'), ['word: expected only options']);
  t.deepEqual(problems('--config'), ['--config: expected a value']);
  t.deepEqual(problems('--config', 'f', '--gateways', ''), ['--gateways: expected a whole number from 1 to 16']);
});

test('arguments without an option’s name are counted', (t) => {
  const withFolder = () => new Command('thing').argument('<folder>', 'where to write');
  const missing = readCommandLine(withFolder(), []);
  t.deepEqual(missing.kind === 'bad' && missing.problems.map(formatOptionProblem), [
    'folder is missing: where to write',
  ]);
  t.like(readCommandLine(withFolder(), ['one', 'two']), { kind: 'bad', problems: [{ option: 'two' }] });
  t.like(readCommandLine(withFolder(), ['one']), { kind: 'ok', operands: ['one'] });
});

test('the version wins over problems, and is the one of package.json', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  t.deepEqual(read('--nonsense', '--version'), { kind: 'information', text: `${version}\n` });
});

test('help wins over problems, and names every option', (t) => {
  const line = read('--nonsense', '--help');
  t.true(line.kind === 'information');
  for (const part of ['Does a thing', '--config <file>', '--gateways <n>', '(default: 2)', '--version'])
    t.true(line.kind === 'information' && line.text.includes(part), part);
});
