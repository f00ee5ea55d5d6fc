import { readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix, resolve } from 'node:path';
import { build } from 'esbuild';

export interface Closure {
  /** Sources that the programs load, relative to the root, sorted. */
  sources: string[];
  /** What lies beside a source and is read at run time: message definitions, templates, scripts. */
  assets: string[];
  /** Names of the packages that they import. */
  packages: string[];
}

const ASSET = /\.(proto|lua|sh|yaml)$/;

/** `@scope/name/path` and `name/path` are of the package `@scope/name` and `name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Everything that the programs load, at any distance. `root`: the repository. */
export async function closureOf(root: string, programs: readonly string[]): Promise<Closure> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...programs],
    outdir: 'nowhere',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  });
  const sources = Object.keys(metafile.inputs)
    .filter((path) => path !== 'package.json')
    .sort();
  const packages = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external, path }) => external && !path.startsWith('node:') && !builtinModules.includes(path))
    .map(({ path }) => packageOf(path));
  const assets = [...new Set(sources.map((path) => posix.dirname(path)))].flatMap((folder) =>
    readdirSync(resolve(root, folder))
      .filter((name) => ASSET.test(name))
      .map((name) => posix.join(folder, name)),
  );
  return { sources, assets: assets.sort(), packages: [...new Set(packages)].sort() };
}
