import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import test from 'ava';
import { program } from '../../control-plane/cli/program.ts';
import { parseConfig } from '../../control-plane/config/parse-config.ts';
import { ENVIRONMENT, sharedSettingsSchema } from '../../proto/settings.ts';
import { scenarios } from './chaos/scenarios/index.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const DOCS = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...DOCS.map((name) => `docs/${name}`),
];
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const all = PAGES.map(read).join('\n');

test('the table of the environment has every name with its default and its twin in the file', (t) => {
  const page = read('docs/configuration.md');
  const defaults = sharedSettingsSchema.parse({});
  for (const { name, path } of ENVIRONMENT) {
    const value = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], defaults);
    const shown = Array.isArray(value) ? value.join(',') : String(value);
    t.true(
      page.includes(`| \`${name}\` | ${shown}${shown === '' ? '' : ' '}| \`${path}\` |`),
      `${name}, ${shown}, ${path}`,
    );
  }
});

test('README.md is at most three screens long, in the order that a newcomer needs', (t) => {
  const text = read('README.md');
  t.true(text.split('\n').length <= 3 * 50);
  const parts = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  t.deepEqual(parts, ['Run it', 'See a failover', 'Configure', 'Deploy', 'Limits']);
});

test('every configuration shown is valid', (t) => {
  // Objects of Kubernetes and of other programs are for those to judge.
  const shown = [...all.matchAll(/```yaml\n([\s\S]*?)```/g)]
    .flatMap(([, text]) => text ?? [])
    .filter((text) => !/^(apiVersion|services):/.test(text));
  t.true(shown.length > 0);
  for (const text of shown) t.deepEqual(parseConfig(text, {}), { ...parseConfig(text, {}), kind: 'ok' });
});

test('every command of npm and of holdfast, and every chaos scenario, exists', (t) => {
  const commands = new Set(program().commands.map((command) => command.name()));
  for (const [, name] of all.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
    t.truthy(scripts[name ?? ''], `npm run ${name}`);
  for (const [, name] of all.matchAll(/`?npx holdfast ([a-z]+)/g)) t.true(commands.has(name ?? ''), `holdfast ${name}`);
  for (const [, name] of all.matchAll(/--scenario ([a-z]+(?:-[a-z]+)*)/g))
    t.true(
      scenarios.some((scenario) => scenario.name === name),
      name,
    );
});

test('the tests that the relay’s table of guards names are there', (t) => {
  const room = 'sidecar/relay';
  const named = [...read(`${room}/README.md`).matchAll(/^\d+\. `(\S+\.test\.ts)`: (.+)$/gm)];
  t.true(named.length >= 20);
  for (const [, path = '', title = ''] of named) t.true(read(join(room, path)).includes(title), `${path}: ${title}`);
});

for (const page of PAGES) {
  test(`${page}: every link leads somewhere, and every path is there`, (t) => {
    const text = read(page);
    t.regex(text, /^# /);
    for (const [, path = ''] of text.matchAll(/\]\((?!https?:)([\w/.-]+)(?:#[\w-]+)?\)/g))
      t.true(existsSync(join(root, dirname(page), path)), path);
    for (const [, path = ''] of text.matchAll(
      /[` ]((?:sidecar|control-plane|proto|envoy|deploy|docs|\.github)\/[\w./-]*\w)/g,
    ))
      t.true(existsSync(join(root, path)), path);
  });
}

/** A file may be named by the end of its path, where that is enough. */
const endsWith =
  (name: string) =>
  (path: string): boolean =>
    path.endsWith(`/${name.replace(/\/$/, '')}`);

/** Paths of everything in the repository, as a page below a folder may name it. */
const paths = globSync('{.github,control-plane,deploy,docs,envoy,proto,sidecar}/**', {
  cwd: root,
  exclude: (name) => name.split('/').includes('node_modules'),
});

test('every file that a folder’s README.md names is there', (t) => {
  const pages = paths.filter((path) => path.endsWith('/README.md'));
  t.true(pages.length >= 50);
  for (const page of pages) {
    const prose = read(page).replaceAll(/```[\s\S]*?```/g, '');
    const isThere = (name: string): boolean =>
      existsSync(join(root, dirname(page), name)) || existsSync(join(root, name)) || paths.some(endsWith(name));
    for (const [, name = ''] of prose.matchAll(
      /`((?:[\w.-]+\/)*[\w.-]+(?:\.(?:ts|js|sh|py|lua|proto|ya?ml|json|md)|\/))`/g,
    ))
      t.true(isThere(name), `${page}: ${name}`);
    for (const [, link = ''] of prose.matchAll(/\]\((?!https?:)([\w/.-]+)(?:#[\w-]+)?\)/g))
      t.true(existsSync(join(root, dirname(page), link)), `${page}: ${link}`);
  }
});

for (const name of DOCS) {
  test(`docs/${name} answers one question, which is its first line`, (t) => {
    t.regex(read(`docs/${name}`), /^# [^\n]+\n\n\*\*[^\n]+\?\*\*\n/);
  });
}

test('the table of figures is what was recorded, each with its date and machine', (t) => {
  const page = read('docs/performance.md');
  const rows = JSON.parse(read('docs/measurements.json')) as Record<
    'command' | 'date' | 'machine' | 'measured',
    string
  >[];
  const lines = rows.map(
    ({ command, date, machine, measured }) => `| \`${command}\` | ${date} | ${machine} | ${measured} |`,
  );
  t.true(page.includes(['| command | date | machine | measured |', '|---|---|---|---|', ...lines].join('\n')));
  for (const { date, machine } of rows) {
    t.regex(date, /^\d{4}-\d\d-\d\d$/);
    t.true(page.includes(`\n| ${machine} | 2 cores`), `the page says what machine ${machine} is`);
  }
});
