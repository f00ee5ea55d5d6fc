import { type Option, type Command, CommanderError } from 'commander';
import { nearest } from './config-file/nearest.ts';
import { VERSION } from './version.ts';

/** One thing that is wrong with a command line. */
export interface OptionProblem {
  /** `--xds`, or the word that is too much. */
  option: string;
  /** What stands there; null: nothing. */
  got: string | null;
  expected: string;
  suggestion: string | null;
}

export type CommandLine<Values> =
  | { kind: 'ok'; values: Values; operands: string[]; usage: string }
  /** What `--help` or `--version` asked for, to be printed instead of a run. */
  | { kind: 'information'; text: string }
  /** `values`: what could be read anyway. */
  | { kind: 'bad'; problems: OptionProblem[]; values: Partial<Values>; usage: string };

/** A value that its option can't have. Kept instead of thrown, so that every problem is reported at once. */
class BadValue {
  readonly got: string;
  readonly expected: string;
  constructor(got: string, expected: string) {
    this.got = got;
    this.expected = expected;
  }
}

/** For `.argParser` and as third argument of `.option`: `read` gives undefined for what the option can't have. */
export const value =
  <T>(expected: string, read: (text: string) => T | undefined) =>
  (text: string): T =>
    // No caller sees a BadValue, because readCommandLine reports it.
    read(text) ?? (new BadValue(text, expected) as T);

export const wholeNumber = (least: number, most: number): ((text: string) => number) =>
  value(`a whole number from ${least} to ${most}`, (text) => {
    const number = Number(text);
    return text.trim() !== '' && Number.isInteger(number) && number >= least && number <= most ? number : undefined;
  });

/** An option that may be given several times; `known`: what it may be. */
export const several =
  (known?: readonly string[]) =>
  (text: string, before: string[] | BadValue | undefined): string[] => {
    if (before instanceof BadValue) return before as unknown as string[];
    return known === undefined || known.includes(text)
      ? [...(before ?? []), text]
      : (new BadValue(text, `one of ${known.join(', ')}`) as unknown as string[]);
  };

export const oneOf = <T extends string>(...known: readonly T[]): ((text: string) => T) =>
  value(`one of ${known.join(', ')}`, (text) => known.find((each) => each === text));

/** Reads a command line with commander. It prints nothing, ends nothing, and finds every problem at once. */
export function readCommandLine<Values extends object>(command: Command, args: readonly string[]): CommandLine<Values> {
  let text = '';
  command
    .version(VERSION, '--version', 'the version of Holdfast')
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: (written) => (text += written) });
  const usage = command.helpInformation();
  let parsed: { operands: string[]; unknown: string[] };
  try {
    parsed = command.parseOptions([...args]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.version') return { kind: 'information', text };
    return { kind: 'bad', problems: [missingValue(error.message)], values: command.opts<Values>(), usage };
  }
  const { operands, unknown } = parsed;
  if (unknown.some((word) => word === '--help' || word === '-h')) {
    command.outputHelp();
    return { kind: 'information', text };
  }
  const values = command.opts<Values>();
  const problems = [
    ...unknownOptions(command, unknown),
    ...wrongOperands(command, operands),
    ...command.options.flatMap((option) => wrongValue(option, values[option.attributeName() as keyof Values])),
  ];
  return problems.length > 0 ? { kind: 'bad', problems, values, usage } : { kind: 'ok', values, operands, usage };
}

/** For commands that people start: what is wrong goes to stderr with the usage, and the process ends with 64 (sysexits.h). */
export function commandLine<Values extends object>(
  command: Command,
  args: readonly string[] = process.argv.slice(2),
): { values: Values; operands: string[] } {
  const read = readCommandLine<Values>(command, args);
  if (read.kind === 'ok') return read;
  if (read.kind === 'information') {
    process.stdout.write(read.text);
    process.exit(0);
  }
  return refuse(command, ...read.problems.map(formatOptionProblem));
}

/** Ends the process as `commandLine` does, for what only the command itself can judge. */
export function refuse(command: Command, ...problems: readonly string[]): never {
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stderr.write(`\n${command.helpInformation()}`);
  process.exit(64);
}

/** `--gateways 0: expected a whole number from 1 to 16` */
export function formatOptionProblem({ option, got, expected, suggestion }: OptionProblem): string {
  const hint = suggestion === null ? '' : `. ${suggestion}`;
  return got === null
    ? `${option} is missing: ${expected}${hint}`
    : `${`${option} ${got}`.trim()}: expected ${expected}${hint}`;
}

function missingValue(message: string): OptionProblem {
  const option = /'(?:-\w, )?(--[\w-]+)[^']*'/.exec(message)?.[1] ?? 'the command line';
  return { option, got: '', expected: 'a value', suggestion: null };
}

function unknownOptions(command: Command, unknown: readonly string[]): OptionProblem[] {
  const known = command.options.map(({ long }) => long ?? '');
  return unknown.flatMap((word, index): OptionProblem[] => {
    const name = word.split('=')[0] ?? word;
    if (word.startsWith('-')) {
      const meant = nearest(name, known);
      return [
        { option: name, got: '', expected: 'a known option', suggestion: meant ? `Did you mean ${meant}?` : null },
      ];
    }
    // The word after an unknown option is most likely its value, and no second problem.
    return unknown[index - 1]?.startsWith('-') ? [] : [excess(word)];
  });
}

function wrongOperands(command: Command, operands: readonly string[]): OptionProblem[] {
  const wanted = command.registeredArguments;
  const isOpen = wanted.some(({ variadic }) => variadic);
  return [
    ...wanted
      .slice(operands.length)
      .filter(({ required }) => required)
      .map((each) => ({ option: each.name(), got: null, expected: each.description, suggestion: null })),
    ...(isOpen ? [] : operands.slice(wanted.length).map(excess)),
  ];
}

const excess = (word: string): OptionProblem => ({
  option: word,
  got: '',
  expected: 'only options',
  suggestion: null,
});

function wrongValue(option: Option, given: unknown): OptionProblem[] {
  const name = option.long ?? option.flags;
  if (given instanceof BadValue) return [{ option: name, got: given.got, expected: given.expected, suggestion: null }];
  return option.mandatory && given === undefined
    ? [{ option: name, got: null, expected: option.description, suggestion: null }]
    : [];
}
