import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { freePorts } from './free-port.ts';

const here = new URL('.', import.meta.url).href;

test('no port is given twice, to one process or to several', async (t) => {
  // Each lives, and keeps its blocks, until its standard input ends.
  const program = `const { freePorts } = await import('${here}free-port.ts'); console.log(JSON.stringify(await freePorts(150))); process.stdin.resume();`;
  const others = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  t.teardown(() => {
    for (const child of others) child.kill('SIGKILL');
  });
  const [own, theirs] = await Promise.all([
    Promise.all(Array.from({ length: 50 }, () => freePorts(3))),
    Promise.all(others.map(async ({ stdout }) => JSON.parse(String((await once(stdout, 'data'))[0])) as number[])),
  ]);
  const all = [...own, ...theirs].flat();
  t.is(all.length, 600);
  t.is(new Set(all).size, all.length);
});
