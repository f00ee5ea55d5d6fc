import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../../../proto/parse-json.ts';
import { unpackDebianPackage } from '../../../setup/debian-binaries.ts';
import { runCommand } from '../../../setup/run-command.ts';
import { KUBERNETES_VERSION, missingPrograms, programFolder, programPath, type ProgramName } from './binaries.ts';
import { goBuildOf } from './go-builds.ts';
import { goModule } from './go-module.ts';

/** A cold build of the API server takes nine minutes of processor time, and half an hour on a busy machine. */
const BUILD_TIMEOUT_MS = 5_400_000;
const [MAJOR, MINOR] = KUBERNETES_VERSION.split('.');

/** Sees to it that these programs are in the cache: etcd from its Debian package, the others built by Go. Returns why one could not be had. */
export async function buildPrograms(
  names: readonly ProgramName[],
  say: (line: string) => void,
): Promise<string | undefined> {
  const missing = await missingPrograms(names);
  await mkdir(join(programFolder(), 'bin'), { recursive: true });
  for (const name of missing) {
    const startMs = performance.now();
    say(
      name === 'etcd'
        ? 'etcd: taking it from its Debian package …'
        : `${name}: building it, once; this takes minutes …`,
    );
    const why = name === 'etcd' ? await takeEtcd() : await build(name);
    if (why !== undefined) return `${name}: ${why}`;
    say(`${name}: there after ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  }
  return undefined;
}

async function takeEtcd(): Promise<string | undefined> {
  const content = join(programFolder(), 'etcd-server');
  const why = await unpackDebianPackage('etcd-server', content);
  if (why !== undefined) return why;
  await rename(join(content, 'usr/bin/etcd'), programPath('etcd'));
  return undefined;
}

async function build(name: Exclude<ProgramName, 'etcd'>): Promise<string | undefined> {
  const { folder: inCache, likeModule, requires, tools, target, source } = goBuildOf(name);
  const folder = join(programFolder(), inCache);
  await mkdir(folder, { recursive: true });
  const go = (...args: string[]) =>
    runCommand(
      'env',
      ['-C', folder, 'CGO_ENABLED=0', 'GOTOOLCHAIN=local', 'nice', '-n', '19', 'go', ...args],
      BUILD_TIMEOUT_MS,
    );
  const downloaded = await go('mod', 'download', '-json', likeModule);
  if (downloaded.kind === 'failed') return downloaded.why;
  const { GoMod } = parseJson(downloaded.stdout) as { GoMod: string };
  await writeFile(join(folder, 'go.mod'), goModule(await readFile(GoMod, 'utf8'), KUBERNETES_VERSION, requires, tools));
  if (source !== undefined) await writeFile(join(folder, 'main.go'), source);
  const tidied = await go('mod', 'tidy');
  if (tidied.kind === 'failed') return tidied.why;
  const file = programPath(name);
  const built = await go('build', '-p', '2', '-trimpath', '-ldflags', linkerFlags(), '-o', `${file}.part`, target);
  if (built.kind === 'failed') return built.why;
  // A build that was cut short leaves no program behind.
  await rename(`${file}.part`, file);
  return undefined;
}

const linkerFlags = (): string =>
  [
    '-s -w',
    `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`,
    `-X k8s.io/component-base/version.gitMajor=${MAJOR}`,
    `-X k8s.io/component-base/version.gitMinor=${MINOR}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=v${KUBERNETES_VERSION}`,
  ].join(' ');
