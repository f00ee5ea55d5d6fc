import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { commandLine } from '../../../proto/command-line.ts';
import { runCommand } from '../../setup/run-command.ts';
import { API_LEVEL, missingPrograms, PROGRAMS } from './kubernetes/binaries.ts';
import { buildPrograms } from './kubernetes/build-programs.ts';

/**
 * `npm run e2e:kubernetes`: a real API server on loopback, and the tests against it. What it needs is built once into a cache; `--build` does only that,
 * and builds Helm as well. Without Go or apt the run is skipped, and says so.
 */
const { values } = commandLine<{ build: boolean }>(
  new Command('npm run e2e:kubernetes --').option('--build', 'only build what the tests need, and Helm', false),
);
const root = resolve(import.meta.dirname, '../../..');
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const wanted = values.build ? PROGRAMS : API_LEVEL;
const missing = await missingPrograms(wanted);
const go = missing.length === 0 ? undefined : await runCommand('go', ['version'], 10_000);
const why = go?.kind === 'failed' ? `${missing.join(', ')}: ${go.why}` : await buildPrograms(wanted, say);
if (why !== undefined) {
  say(`e2e:kubernetes is skipped: ${why}. It needs Go, and apt-get or etcd in the cache.`);
  process.exit(0);
}
if (!values.build) {
  const files = globSync('deploy/test/e2e/kubernetes-*.e2e.test.ts', { cwd: root });
  const child = spawn(process.execPath, [resolve(root, 'deploy/test/main.ts'), ...files], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}
