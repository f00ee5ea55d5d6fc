import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { transform } from 'esbuild';
import { closureOf } from './closure.ts';
import { lockSubset, type Lock, type LockEntry } from './lock-subset.ts';
import { programsOf, type PackagePlan } from './packages.ts';

export interface PackageOptions {
  /** The repository. */
  root: string;
  /** Folder of the package; it is made. */
  to: string;
  /** Node takes no TypeScript below node_modules, so what is installed there is JavaScript; images keep the sources. */
  as: 'javascript' | 'sources';
}
interface RootPackage {
  version: string;
  license: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** What runs JavaScript made from our sources. */
const OLDEST_NODE = [22, 20] as const;
const ENGINES = { node: `>=${OLDEST_NODE.join('.')}` };
const toJs = (path: string): string => path.replace(/\.ts$/, '.js');

/** Where a command of a package begins: an older Node is refused in one sentence, before it reads what it does not know. */
const launcherOf = (name: string, program: string): string => `#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > ${OLDEST_NODE[0]} || (major === ${OLDEST_NODE[0]} && minor >= ${OLDEST_NODE[1]})) await import('../${program}');
else {
  process.stderr.write(\`${name}: needs Node ${OLDEST_NODE.join('.')} or later, this one is \${process.versions.node}\\n\`);
  process.exitCode = 69;
}
`;

/** Types go, and imports name the files that are there. */
async function javascriptOf(source: string): Promise<string> {
  const { code } = await transform(source, { loader: 'ts', format: 'esm', target: 'node22', legalComments: 'none' });
  return code.replace(/((?:\bfrom|\bimport)\s*\(?\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
}

/** Writes a package into its folder: its programs, all that they load, package.json, and the exact versions of what they depend on. */
export async function writePackage(plan: PackagePlan, { root, to, as }: PackageOptions): Promise<void> {
  const read = <T>(name: string): T => JSON.parse(readFileSync(resolve(root, name), 'utf8')) as T;
  const { version, license, dependencies, devDependencies } = read<RootPackage>('package.json');
  const { sources, assets, packages } = await closureOf(root, programsOf(plan));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(resolve(to, path)), { recursive: true });
    writeFileSync(resolve(to, path), text);
  };
  for (const path of sources) {
    const source = readFileSync(resolve(root, path), 'utf8');
    if (as === 'sources') put(path, source);
    else put(toJs(path), await javascriptOf(source));
  }
  const launchers = as === 'javascript' ? Object.entries(plan.commands) : [];
  for (const [name, path] of launchers) {
    put(`bin/${name}.js`, launcherOf(name, toJs(path)));
    chmodSync(resolve(to, `bin/${name}.js`), 0o755);
  }
  for (const path of [...assets, 'LICENSE']) cpSync(resolve(root, path), resolve(to, path));
  const locked = lockSubset(read<Lock>('package-lock.json'), packages);
  const manifest = {
    name: plan.name,
    version,
    description: plan.description,
    license,
    type: 'module',
    engines: ENGINES,
    ...(as === 'javascript' && {
      bin: Object.fromEntries(launchers.map(([name]) => [name, `bin/${name}.js`])),
    }),
    dependencies: Object.fromEntries(packages.map((name) => [name, versionOf(name, dependencies, devDependencies)])),
  };
  put('package.json', json(manifest));
  put('npm-shrinkwrap.json', json(shrinkwrap(manifest, locked)));
}

function versionOf(name: string, ...ranges: Array<Record<string, string>>): string {
  const version = ranges.map((each) => each[name]).find((each) => each !== undefined);
  if (version === undefined) throw new Error(`${name} is imported, but package.json does not name it`);
  return version;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const shrinkwrap = (
  { name, version, ...rest }: { name: string; version: string; dependencies: Record<string, string> },
  locked: Record<string, LockEntry>,
): unknown => ({
  name,
  version,
  lockfileVersion: 3,
  requires: true,
  packages: { '': { name, version, ...rest }, ...locked },
});
