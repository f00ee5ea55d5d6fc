/**
 * Who may import what, for dependency-cruiser; `npm run check` judges it. Types count too, unless a rule says otherwise.
 * deploy/test/checks/imports.ts exempts the files that only tests load, and adds the one rule that needs a count.
 */
const TESTS = '\\.test\\.ts$';

/** Product code of one top folder imports itself and proto/, and no other top folder. */
const stands = (folder, others) => ({
  name: `${folder}-stands-alone`,
  comment: `${folder}/ imports proto/ and itself`,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: TESTS },
  to: { path: `^(${others.join('|')})/` },
});

/** Folders that decide: they know no transport, no store and no clock. */
const PURE = '^(control-plane/(topology|route-table|resources)|sidecar/(principal|routing))/[^/]+$';

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'What imports each other is one file, or needs a third one that both import',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    stands('sidecar', ['control-plane', 'envoy', 'deploy']),
    stands('control-plane', ['sidecar', 'envoy', 'deploy']),
    stands('proto', ['sidecar', 'control-plane', 'envoy', 'deploy']),
    stands('envoy', ['sidecar', 'control-plane', 'deploy']),
    {
      name: 'tests-keep-sides',
      comment: 'A test of one side does not import the other side; whole meshes are tested in deploy/test/',
      severity: 'error',
      from: { path: `^(sidecar|control-plane)/.*${TESTS}` },
      to: { path: '^(sidecar|control-plane)/', pathNot: '^$1/' },
    },
    {
      name: 'pure-folders',
      comment: 'A folder that decides gets what it needs as parameters',
      severity: 'error',
      from: { path: PURE, pathNot: TESTS },
      to: {
        path: '^(node:)?(fs|net|http|http2|timers)(/|$)|^node_modules/(@grpc/grpc-js|ioredis|undici)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'undici-in-replica',
      comment: 'sidecar/replica/ is the only room of the sidecar that speaks HTTP to replicas',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: '^sidecar/replica/' },
      to: { path: '^node_modules/undici/' },
    },
    {
      name: 'console-stands-alone',
      comment: 'control-plane/console/ runs in a browser: it imports itself and what is bundled with it',
      severity: 'error',
      from: { path: '^control-plane/console/', pathNot: TESTS },
      to: { pathNot: '^control-plane/console/|^node_modules/(preact|@preact|uplot)/' },
    },
    {
      name: 'resolvable',
      comment: 'The import leads to no file or package',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'tsc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
