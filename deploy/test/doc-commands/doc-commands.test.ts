import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { parseProblem } from './parse-problem.ts';
import { shownCommands } from './shown-commands.ts';
import { CHECKS, type Check } from './command-checks.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const shown = shownCommands(root);
const checkOf = (line: string): Check | undefined => CHECKS.find(({ shape }) => shape.test(line));
const lines = [...new Set(shown.map(({ line }) => line))];

test('every command that a page shows is run, parsed, or there is a reason why not', (t) => {
  const unknown = shown.filter(({ line }) => checkOf(line) === undefined);
  t.deepEqual(unknown, [], 'say in command-checks.ts how each of these is checked');
  const unused = CHECKS.filter(({ shape }) => !lines.some((line) => checkOf(line)?.shape === shape));
  t.deepEqual(
    unused.map(({ shape }) => String(shape)),
    [],
    'no page shows these any more',
  );
  const count = (is: Check['is']): number => lines.filter((line) => checkOf(line)?.is === is).length;
  t.log(
    `${lines.length} commands: ${count('run')} run here, ${count('run elsewhere')} by another test, ${count('parsed')} parsed, ${count('not run')} not run`,
  );
});

test('whatever runs or checks a command elsewhere is there', (t) => {
  for (const check of CHECKS) {
    if (check.is !== 'run elsewhere' && check.is !== 'not run') continue;
    t.true(existsSync(join(root, check.file)), check.file);
    if (check.is === 'run elsewhere')
      t.true(readFileSync(join(root, check.file), 'utf8').includes(check.text), `${check.file}: ${check.text}`);
  }
});

test('commands that are only parsed name options and things that exist', async (t) => {
  t.timeout(120_000);
  for (const line of lines) {
    const check = checkOf(line);
    if (check?.is === 'parsed') t.is(await parseProblem(root, check.by, line), null, line);
  }
});

for (const line of lines.filter((each) => checkOf(each)?.is === 'run'))
  test(`it works: ${line}`, async (t) => {
    t.timeout(120_000);
    const { stdout } = await run('sh', ['-c', line], { cwd: root, maxBuffer: 16 << 20 });
    t.true(stdout.length > 0);
  });
