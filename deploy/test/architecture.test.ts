import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';

const root = resolve(import.meta.dirname, '../..');

test('ARCHITECTURE.md’s map has every room of the sidecar and of the control plane, and no other', (t) => {
  const map = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('## The map')[1]?.split('\n## ')[0] ?? '';
  const named = (from: string, to: string): string[] =>
    [...(map.split(`**${from}/**`)[1]?.split(`**${to}/**`)[0] ?? '').matchAll(/`([\w-]+)\/`/g)].flatMap(
      ([, room]) => room ?? [],
    );
  for (const [side, next] of [
    ['sidecar', 'control-plane'],
    ['control-plane', 'proto'],
  ] as const)
    t.deepEqual(
      named(side, next).sort(),
      readdirSync(join(root, side), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort(),
      side,
    );
});

test('every room of the sidecar and of the control plane has a README.md', (t) => {
  for (const side of ['sidecar', 'control-plane'])
    for (const entry of readdirSync(join(root, side), { withFileTypes: true }).filter((each) => each.isDirectory()))
      t.true(existsSync(join(root, side, entry.name, 'README.md')), `${side}/${entry.name}`);
});
