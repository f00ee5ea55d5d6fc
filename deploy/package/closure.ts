import { existsSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix, relative, resolve } from 'node:path';
import { build } from 'esbuild';

export interface Closure {
  /** Sources that the programs load, relative to the root, sorted. */
  sources: string[];
  /** What lies beside a source and is read at run time: message definitions, templates, scripts. */
  assets: string[];
  /** Names of the packages that they import. */
  packages: string[];
}

/** What reads the console's files, and where the build puts them. */
const CONSOLE = { reader: 'control-plane/admin/console-files.ts', built: 'control-plane/console/dist' };

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
  if (sources.includes(CONSOLE.reader)) assets.push(...builtConsole(root));
  return { sources, assets: assets.sort(), packages: [...new Set(packages)].sort() };
}

/** The console as it was built. Throws where it was not: a package without it would be half a package. */
function builtConsole(root: string): string[] {
  const folder = resolve(root, CONSOLE.built);
  if (!existsSync(folder)) throw new Error(`${CONSOLE.built} is not there: npm run console builds it`);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'built-from')
    .map((entry) => posix.join(CONSOLE.built, relative(folder, resolve(entry.parentPath, entry.name))));
}
