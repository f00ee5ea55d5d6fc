import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Manifest } from '../../../../control-plane/inject/manifest.ts';
import { parseJson } from '../../../../proto/parse-json.ts';
import { runCommand } from '../../../setup/run-command.ts';
import { programFolder } from './binaries.ts';

const DOWNLOAD_TIMEOUT_MS = 300_000;

/** Where projects publish the definitions of kinds that our components and pages use. Nothing of theirs is in the repository. */
const SOURCES = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    folder: 'example/prometheus-operator-crd',
    files: ['podmonitors', 'servicemonitors', 'prometheusrules'].map((each) => `monitoring.coreos.com_${each}.yaml`),
  },
  {
    module: 'github.com/cert-manager/cert-manager@v1.18.2',
    folder: 'deploy/crds',
    files: ['crd-certificates.yaml', 'crd-issuers.yaml'],
  },
  {
    module: 'sigs.k8s.io/gateway-api@v1.4.1',
    folder: 'config/crd/standard',
    files: ['gateway.networking.k8s.io_httproutes.yaml'],
  },
];

const cacheOf = (module: string): string => join(programFolder(), 'kinds', module.replaceAll('/', '_'));

/** Modules whose definitions are not in the cache. */
export const missingKinds = (): string[] =>
  SOURCES.map(({ module }) => module).filter((module) => !existsSync(cacheOf(module)));

/** Sees to it that the definitions are in the cache. Returns why one could not be had. */
export async function takeKinds(say: (line: string) => void): Promise<string | undefined> {
  for (const { module, folder, files } of SOURCES) {
    const cache = cacheOf(module);
    if (existsSync(cache)) continue;
    say(`${module}: taking the definitions of its kinds …`);
    const part = `${cache}.part`;
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    const go = ['-C', part, 'GOTOOLCHAIN=local', 'go', 'mod', 'download', '-json', module];
    const downloaded = await runCommand('env', go, DOWNLOAD_TIMEOUT_MS);
    if (downloaded.kind === 'failed') return `${module}: ${downloaded.why}`;
    const { Dir } = parseJson(downloaded.stdout) as { Dir: string };
    for (const file of files) await copyFile(join(Dir, folder, file), join(part, file));
    // What was cut short is taken again.
    await rename(part, cache);
  }
  return undefined;
}

/** The definitions, as an administrator of a cluster applies them. */
export async function foreignKinds(): Promise<Manifest[]> {
  const paths = await Promise.all(
    SOURCES.map(async ({ module }) => (await readdir(cacheOf(module))).map((file) => join(cacheOf(module), file))),
  );
  return Promise.all(paths.flat().map(async (path) => withoutTemplates(await readFile(path, 'utf8'))));
}

/** cert-manager publishes its definitions with labels that Helm fills in. */
function withoutTemplates(text: string): Manifest {
  const { metadata, ...rest } = parseDocument(text).toJS() as Manifest;
  const { name, annotations } = metadata;
  return { ...rest, metadata: { name, ...(annotations && { annotations }) } } as Manifest;
}
