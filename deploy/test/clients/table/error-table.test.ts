import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import { OFFICIAL_CLIENTS } from '../foreign/connect-any.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { SITUATIONS } from './situations.ts';

test('docs/clients.md has each situation and client, and what each situation’s user is told', (t) => {
  const lines = readFileSync(resolve(REPOSITORY, 'docs/clients.md'), 'utf8').split('\n');
  const cellsOf = (first: string): string[] =>
    (lines.find((line) => line.startsWith(`| ${first} |`)) ?? '').split('|').slice(2, -1);
  t.deepEqual(
    cellsOf('situation').map((cell) => cell.trim()),
    Object.values(OFFICIAL_CLIENTS),
  );
  for (const { name, expected } of SITUATIONS) {
    const cells = cellsOf(name);
    t.is(cells.length, Object.keys(OFFICIAL_CLIENTS).length, name);
    for (const cell of cells) {
      const code = Number.parseInt(cell, 10);
      t.true(expected === 'answer' ? cell.trim() === 'answer' : expected.includes(code), `${name}: ${cell}`);
    }
  }
});
