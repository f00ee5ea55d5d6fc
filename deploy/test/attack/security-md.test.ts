import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { REPOSITORY } from '../mesh/node-program.ts';
import { CASES } from './cases/index.ts';
import { OPEN_ATTACKS } from './open-attacks.ts';

const text = readFileSync(join(REPOSITORY, 'SECURITY.md'), 'utf8');
const rows = text
  .slice(text.indexOf('| who | reaches |'))
  .split('\n\n')[0]!
  .split('\n')
  .slice(2)
  .map((line) => line.split('|').map((cell) => cell.trim()));
const namedIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

test('every row of the threat model names a test, and each of them exists', (t) => {
  t.true(rows.length > 15);
  for (const row of rows) {
    const names = namedIn(row[5] ?? '');
    t.true(names.length > 0, row.join(' | '));
    for (const name of names) {
      const isThere = name.endsWith('.ts')
        ? existsSync(join(REPOSITORY, name))
        : CASES.some((attack) => attack.name.startsWith(name));
      t.true(isThere, name);
    }
  }
});

test('every group of attacks has its row', (t) => {
  const named = new Set(rows.flatMap((row) => namedIn(row[5] ?? '').map((name) => name.split('/')[0])));
  // What protects a client from the mesh's own faults, and not the mesh from somebody.
  const others = new Set([
    'odd-urls',
    'odd-hosts',
    'mesh-errors',
    'deadlines',
    'lease',
    'http-sse-budget',
    'neighbour',
    'tls-switch',
  ]);
  const groups = new Set(CASES.map(({ name }) => name.split('/')[0] ?? ''));
  t.deepEqual(
    [...groups].filter((group) => !named.has(group) && !others.has(group)),
    [],
  );
});

test('what is open names an attack', (t) => {
  t.deepEqual(
    OPEN_ATTACKS.filter((name) => !CASES.some((attack) => attack.name.startsWith(name))),
    [],
  );
});
