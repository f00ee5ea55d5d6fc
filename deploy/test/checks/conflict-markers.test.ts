import { spawnSync } from 'node:child_process';
import test from 'ava';
import { root } from './run-tool.ts';

test('no file holds the markers of a merge that nobody finished', (t) => {
  const { stdout, status } = spawnSync('git', ['grep', '-nIE', '^(<{7}|>{7}) '], { cwd: root, encoding: 'utf8' });
  t.is(stdout, '');
  t.is(status, 1, 'git grep finds nothing');
});
