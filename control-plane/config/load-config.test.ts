import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Problem } from '../../proto/config-file/problem.ts';
import { loadConfig, watchConfig } from './load-config.ts';
import { parseConfig } from './parse-config.ts';

const withPort = (port: number): string =>
  `port: ${port}\nservers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:3000"]}]}]`;

async function watched(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  const file = join(folder, 'holdfast.yaml');
  await writeFile(file, withPort(1));
  const ports: number[] = [],
    problems: Problem[][] = [],
    errors: unknown[] = [];
  let wake = () => {};
  const watcher = watchConfig({
    file,
    env: {},
    text: withPort(1),
    debounceMs: 5,
    pollMs: 50,
    onConfig: ({ port }) => {
      if (port === 666) throw new TypeError('a bug');
      ports.push(port);
      wake();
    },
    onError: (error) => {
      errors.push(error);
      wake();
    },
    onProblems: (found) => {
      problems.push(found);
      wake();
    },
  });
  t.teardown(async () => {
    watcher.close();
    await rm(folder, { recursive: true });
  });
  const until = async (condition: () => boolean) => {
    while (!condition())
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { file, ports, problems, errors, until };
}

test('a changed file is taken up, also when an editor replaces it', async (t) => {
  const { file, ports, until } = await watched(t);
  await writeFile(file, withPort(2));
  await until(() => ports.includes(2));
  await writeFile(`${file}.new`, withPort(3));
  await rename(`${file}.new`, file);
  await until(() => ports.includes(3));
  t.deepEqual(ports, [2, 3]);
});

test('a bad change is reported once, and the next good one is taken up', async (t) => {
  const { file, ports, problems, until } = await watched(t);
  await writeFile(`${file}.new`, 'servers: []');
  await rename(`${file}.new`, file);
  await until(() => problems.length > 0);
  await writeFile(`${file}.new`, withPort(4));
  await rename(`${file}.new`, file);
  await until(() => ports.includes(4));
  t.deepEqual(
    problems.map((each) => each.map(({ path }) => path)),
    [['servers']],
  );
});

test('a file that is gone is a problem, and one that can’t be read at the start as well', async (t) => {
  const { file, problems, until } = await watched(t);
  await rm(file);
  await until(() => problems.length > 0);
  t.is(problems[0]![0]!.expected, 'a file that can be read');
  t.is((await loadConfig(file, {})).kind, 'bad');
});

test('a configuration that can’t be put in force is reported, and the next one is taken up', async (t) => {
  const { file, ports, errors, until } = await watched(t);
  await writeFile(`${file}.new`, withPort(666));
  await rename(`${file}.new`, file);
  await until(() => errors.length > 0);
  await writeFile(`${file}.new`, withPort(5));
  await rename(`${file}.new`, file);
  await until(() => ports.includes(5));
  t.deepEqual(ports, [5]);
  t.is(errors.length, 1);
});

test('texts that break the parser itself are problems like any other', (t) => {
  const texts = [
    'servers: &a [*a]',
    `servers: ${'['.repeat(20_000)}`,
    `servers: ${'{a: '.repeat(5000)}1${'}'.repeat(5000)}`,
    '\0\0\0',
    '- - - -\n: : :',
    '? {a: b}\n: [c]',
    '!!js/function "x"',
    '<<: *nobody',
  ];
  for (const text of texts) t.is(parseConfig(text, {}).kind, 'bad', text.slice(0, 40));
});
