import { posix } from 'node:path';

/** Packages that only one file per folder may load (types are free): the folder's edge. */
export const EDGE_PACKAGES = ['@grpc/grpc-js', 'ioredis', 'undici'] as const;

/** Folders that decide and know no transport, no store, no clock, no chance: those are parameters. */
export const PURE_FOLDERS = ['control-plane/topology', 'control-plane/resources', 'sidecar/routing'];

/** What stands at the top, and nothing else. */
export const TOP_LEVEL = [
  // The product, fixed.
  'sidecar',
  'control-plane',
  'envoy',
  'proto',
  'deploy',
  'package.json',
  'tsconfig.json',
  'docker-compose.yml',
  'README.md',
  // What repositories have by custom.
  'package-lock.json',
  'LICENSE',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs',
  // Tool configuration and dot-files.
  'biome.json',
  'knip.json',
  '.dependency-cruiser.cjs',
  '.changeset',
  '.ci',
  '.dockerignore',
  '.editorconfig',
  '.env',
  '.git-blame-ignore-revs',
  '.github',
  '.gitignore',
  '.npmrc',
];

export interface SourceFile {
  path: string;
  text: string;
}

interface Import {
  from: string;
  isTypeOnly: boolean;
}

const importsOf = (text: string): Import[] =>
  [
    ...text.matchAll(
      /^\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    ),
  ].map((match) => ({ from: (match[2] ?? match[3] ?? match[4])!, isTypeOnly: match[1] !== undefined }));

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
const isTest = (path: string): boolean => /\.test\.ts$/.test(path);
const top = (path: string): string => path.split('/')[0]!;

/** Which top folders a top folder's sources may import from, itself aside. Tests may start real processes with deploy/. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  sidecar: ['proto'],
  'control-plane': ['proto'],
  proto: [],
  envoy: ['proto'],
  deploy: ['sidecar', 'control-plane', 'proto', 'envoy'],
};

/** Every break of the import rules, one line each. Files that only tests load follow the rules of tests. Pure. */
export function importProblems(files: readonly SourceFile[]): string[] {
  const problems: string[] = [];
  const loadedBy = edgeLoaders(files);
  const onlyForTests = testSupport(files);
  for (const { path, text } of files) {
    for (const { from } of importsOf(text)) {
      if (!from.startsWith('.')) continue;
      const target = posix.join(posix.dirname(path), from);
      const [own, other] = [top(path), top(target)];
      const allowed = [
        own,
        ...(MAY_IMPORT[own] ?? []),
        ...(isTest(path) || onlyForTests.has(path) ? ['deploy', 'envoy'] : []),
      ];
      // Its version is everyone's.
      if (target === 'package.json') continue;
      if (!allowed.includes(other))
        problems.push(`${path} imports ${target}: ${own}/ may import only ${allowed.join(', ')}`);
      if (!/\.(ts|js|json)$/.test(from)) problems.push(`${path} imports ${from}: name the file with its extension`);
    }
    if (!isTest(path) && !onlyForTests.has(path) && PURE_FOLDERS.includes(posix.dirname(path))) {
      const code = withoutComments(text);
      for (const name of [
        'Date.now(',
        'new Date()',
        'Math.random(',
        'performance.now(',
        'setTimeout(',
        'setInterval(',
        'process.env',
      ]) {
        if (code.includes(name))
          problems.push(`${path} uses ${name.replace('(', '')}: ${posix.dirname(path)} is pure, make it a parameter`);
      }
      for (const { from } of importsOf(text)) {
        if ((EDGE_PACKAGES as readonly string[]).includes(from) || /^node:(fs|net|http|http2|timers)/.test(from))
          problems.push(`${path} imports ${from}: ${posix.dirname(path)} is pure`);
      }
    }
  }
  for (const [folder, loaders] of loadedBy) {
    for (const [name, paths] of loaders) {
      const edges = paths.filter((path) => !onlyForTests.has(path));
      if (edges.length > 1)
        problems.push(
          `${folder}: ${edges.map((path) => posix.basename(path)).join(', ')} all load ${name}: one file of a folder may`,
        );
    }
  }
  return problems;
}

function edgeLoaders(files: readonly SourceFile[]): Map<string, Map<string, string[]>> {
  const folders = new Map<string, Map<string, string[]>>();
  for (const { path, text } of files) {
    // deploy/ is tests, benchmarks and runners: no product code to keep pure.
    if (isTest(path) || top(path) === 'deploy') continue;
    for (const name of new Set(
      importsOf(text)
        .filter(({ from, isTypeOnly }) => !isTypeOnly && (EDGE_PACKAGES as readonly string[]).includes(from))
        .map(({ from }) => from),
    )) {
      const loaders = folders.get(posix.dirname(path)) ?? new Map<string, string[]>();
      folders.set(posix.dirname(path), loaders.set(name, [...(loaders.get(name) ?? []), path]));
    }
  }
  return folders;
}

/** Files that are loaded by tests, or by files that only tests load, and by nothing else. */
function testSupport(files: readonly SourceFile[]): Set<string> {
  const importers = new Map<string, string[]>();
  for (const { path, text } of files) {
    for (const { from } of importsOf(text)) {
      if (!from.startsWith('.')) continue;
      const target = posix.join(posix.dirname(path), from);
      importers.set(target, [...(importers.get(target) ?? []), path]);
    }
  }
  const found = new Set<string>();
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const [target, by] of importers) {
      if (isTest(target) || found.has(target) || !by.every((path) => isTest(path) || found.has(path))) continue;
      found.add(target);
      isGrowing = true;
    }
  }
  return found;
}

/** What no committed file may hold, each with a reason. Put together from parts, so that this file does not hold it either. */
const FORBIDDEN: ReadonlyArray<[pattern: RegExp, why: string]> = [
  [new RegExp(['registry', '\\.npmjs\\.'].join('')), 'a registry’s host: name packages, not where they come from'],
  [
    new RegExp(['\\bpypi', '\\.org|python', 'hosted\\.org'].join('')),
    'a registry’s host: name packages, not where they come from',
  ],
  [new RegExp(['(^|[\\s\'"`(=:])', '/(work|root)', '/'].join(''), 'm'), 'a path of one machine'],
  [
    new RegExp(['(^|[\\s\'"`(=:])', '/tmp', '/'].join(''), 'm'),
    'a fixed temporary path: use a folder of one’s own below os.tmpdir()',
  ],
];
const FORBIDDEN_IN_SOURCES: ReadonlyArray<[pattern: RegExp, why: string]> = [
  [new RegExp(['\\b(TO', 'DO|FIX', 'ME)\\b:'].join('')), 'an unfinished thought: do it or write an issue'],
  [new RegExp(['\\btest\\.', '(only|skip|to', 'do)\\('].join('')), 'a test that does not run with the others'],
];

/** Every forbidden text in committed files, one line each. Pure. */
export function contentProblems(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...FORBIDDEN, ...(/\.(ts|js)$/.test(path) ? FORBIDDEN_IN_SOURCES : [])].flatMap(([pattern, why]) => {
      const match = pattern.exec(text);
      return match ? [`${path}:${text.slice(0, match.index + match[0].length).split('\n').length}: ${why}`] : [];
    }),
  );
}
