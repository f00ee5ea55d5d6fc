import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import { parseConfig } from '../../control-plane/config/parse-config.ts';
import { ENVIRONMENT, sharedSettingsSchema } from '../../proto/settings.ts';
import { scenarios } from './chaos/scenarios/index.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(resolve(root, 'README.md'), 'utf8');
const scripts = (JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

test('the table of the environment has every name with its default and its twin in the file', (t) => {
  const defaults = sharedSettingsSchema.parse({});
  for (const { name, path } of ENVIRONMENT) {
    const value = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], defaults);
    const shown = Array.isArray(value) ? value.join(',') : String(value);
    t.true(
      readme.includes(`| \`${name}\` | ${shown}${shown === '' ? '' : ' '}| \`${path}\` |`),
      `${name}, ${shown}, ${path}`,
    );
  }
});

test('every configuration shown is valid', (t) => {
  const shown = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  t.true(shown.length > 0);
  for (const text of shown) t.deepEqual(parseConfig(text, {}), { ...parseConfig(text, {}), kind: 'ok' });
});

test('every command, chaos scenario and linked file exists', (t) => {
  for (const [, name] of readme.matchAll(/npm run ([\w:-]+)/g)) t.truthy(scripts[name!], `npm run ${name}`);
  for (const [, name] of readme.matchAll(/\| `(?:chaos --scenario )?([a-z]+-[a-z-]+|rolling|stampede)` \|/g))
    t.true(
      scenarios.some((scenario) => scenario.name === name),
      name,
    );
  for (const [, path] of readme.matchAll(/\]\(([\w/.-]+)\)/g)) t.true(existsSync(resolve(root, path!)), path);
});
