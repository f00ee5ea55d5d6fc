import { posix } from 'node:path';
import type { Finding } from './finding.ts';
import { readReport, runTool } from './run-tool.ts';

/** One file of the import graph, as dependency-cruiser tells it. Paths are relative to the root. */
export interface Module {
  source: string;
  dependencies: ReadonlyArray<{ resolved: string; dependencyTypes: readonly string[] }>;
}
interface CruiseReport {
  modules: Module[];
  summary: { violations: Array<{ from: string; to: string; rule: { name: string } }> };
}

const PRODUCT = ['sidecar', 'control-plane', 'proto', 'envoy'];
/** Packages that only one file per folder may load (types are free): the folder's edge. */
const EDGE_PACKAGES = ['@grpc/grpc-js', 'ioredis', 'undici'];
/** Rules about what a product file may load. Files that only tests load follow the rules of tests. */
const RULES_OF_PRODUCT = /-stands-alone$|^pure-folders$/;

/** Everything in deploy/test/ is for tests, but for the example servers, which have an image. */
const isTest = (path: string): boolean => /\.test\.ts$|^deploy\/test\/(?!servers\/)/.test(path);

/** Files that are loaded by tests, or by files that only tests load, and by nothing else. Pure. */
export function testSupport(modules: readonly Module[]): Set<string> {
  const importers = new Map<string, string[]>();
  for (const { source, dependencies } of modules)
    for (const { resolved } of dependencies) importers.set(resolved, [...(importers.get(resolved) ?? []), source]);
  const found = new Set<string>();
  const isForTests = (path: string): boolean => isTest(path) || found.has(path);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [path, by] of importers) if (!isTest(path) && by.every(isForTests)) found.add(path);
  }
  return found;
}

/** The folders of the product of which more than one file loads an edge package. Pure. */
export function edgeFindings(modules: readonly Module[]): Finding[] {
  const support = testSupport(modules);
  const product = modules.filter(
    ({ source }) => PRODUCT.includes(source.split('/')[0] ?? '') && !isTest(source) && !support.has(source),
  );
  return EDGE_PACKAGES.flatMap((name) => {
    const loaders = product.filter(({ dependencies }) =>
      dependencies.some(
        ({ resolved, dependencyTypes }) =>
          resolved.startsWith(`node_modules/${name}/`) && !dependencyTypes.includes('type-only'),
      ),
    );
    const folders = Map.groupBy(loaders, ({ source }) => posix.dirname(source));
    return [...folders]
      .filter(([, files]) => files.length > 1)
      .map(([folder, files]) => ({
        rule: 'one-edge-per-folder',
        place: folder,
        message: `${files.map(({ source }) => posix.basename(source)).join(', ')} all load ${name}: one file of a folder may`,
      }));
  });
}

/** Files of the product that only tests load, outside `testing/` of their folder: they would enter images. Pure. */
export const misplacedSupport = (modules: readonly Module[]): Finding[] =>
  [...testSupport(modules)]
    .filter((path) => PRODUCT.includes(path.split('/')[0] ?? '') && !/\/testing\//.test(path))
    .map((place) => ({
      rule: 'tests-only',
      place,
      message: 'only tests load it: move it into testing/ of its folder',
    }));

/** What dependency-cruiser says of the import graph (.dependency-cruiser.cjs), and the edges of folders. */
export async function importFindings(): Promise<Finding[]> {
  const result = await runTool(
    'dependency-cruiser/bin/dependency-cruiser.mjs',
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...PRODUCT, 'deploy'],
    ['--import', new URL('./typescript-6.js', import.meta.url).href],
  );
  const { modules, summary } = readReport<CruiseReport>('dependency-cruiser', result);
  const support = testSupport(modules);
  return [
    ...summary.violations
      .filter(({ from, rule }) => !(RULES_OF_PRODUCT.test(rule.name) && support.has(from)))
      .map(({ from, to, rule }) => ({ rule: rule.name, place: from, message: `imports ${to}` })),
    ...edgeFindings(modules),
    ...misplacedSupport(modules),
  ];
}
