import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import test from 'ava';
import type { Objective } from '../report/objectives.ts';

test('the conformance suite passes the same checks through the mesh as without it, for every revision', async (t) => {
  t.timeout(600_000);
  const root = resolve(import.meta.dirname, '../../..');
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'deploy/test/conformance/main.ts', '--json'],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '',
    said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise((done) => child.once('close', done));
  t.is(code, 0, said.split('\n').slice(-40).join('\n'));
  const { objectives } = JSON.parse(out) as { objectives: Objective[] };
  t.true(objectives.length >= 4);
  t.deepEqual(
    objectives.filter(({ met }) => !met),
    [],
  );
});
