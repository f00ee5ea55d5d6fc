import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

test('every file beside main.ts is a benchmark, because main.ts offers each by its name', (t) => {
  const files = globSync('*.ts', { cwd: import.meta.dirname }).filter((name) => !/^main\.ts$|\.test\.ts$/.test(name));
  t.true(files.length > 10);
  for (const name of files)
    t.regex(readFileSync(join(import.meta.dirname, name), 'utf8'), /^export const bench: Bench\b/m, name);
});
