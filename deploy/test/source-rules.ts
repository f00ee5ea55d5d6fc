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
  [new RegExp(['^(<{7}|', '>{7}) '].join(''), 'm'), 'the mark of a merge that nobody finished'],
];
const FORBIDDEN_IN_SOURCES: ReadonlyArray<[pattern: RegExp, why: string]> = [
  [new RegExp(['\\b(TO', 'DO|FIX', 'ME)\\b:'].join('')), 'an unfinished thought: do it or write an issue'],
  [new RegExp(['\\btest\\.', '(only|skip|to', 'do)\\('].join('')), 'a test that does not run with the others'],
];

/** Where the sidecar may ask for the clock of the machine: what others compare with theirs, and certificates. */
const OF_THE_MACHINES_CLOCK = new Set([
  'sidecar/admin/heartbeats.ts',
  'sidecar/join/keep-joined.ts',
  'sidecar/metrics/histogram.ts',
  'sidecar/outcome/slo-publisher.ts',
  'sidecar/parts/mesh.ts',
  'sidecar/parts/node.ts',
  'sidecar/parts/ports.ts',
  'sidecar/session/redis-store.ts',
]);

/** Files of the sidecar that would measure by a clock which may be set back. Pure. */
export const clockProblems = (files: readonly SourceFile[]): string[] =>
  files
    .filter(
      ({ path, text }) =>
        path.startsWith('sidecar/') && !/\.test\.ts$|\/testing\//.test(path) && /\bDate\.now\b/.test(text),
    )
    .filter(({ path }) => !OF_THE_MACHINES_CLOCK.has(path))
    .map(({ path }) => `${path}: a time that may go back (proto/steady-clock.ts)`);

/** Every forbidden text in committed files, one line each. Pure. */
export function contentProblems(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...FORBIDDEN, ...(/\.(ts|js)$/.test(path) ? FORBIDDEN_IN_SOURCES : [])].flatMap(([pattern, why]) => {
      const match = pattern.exec(text);
      return match ? [`${path}:${text.slice(0, match.index + match[0].length).split('\n').length}: ${why}`] : [];
    }),
  );
}
