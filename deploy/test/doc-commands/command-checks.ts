/** How one shape of command is known to work. */
export type Check = { shape: RegExp } & (
  | /** The test runs the line as it is written. */ { is: 'run' }
  /** Another test runs it: that file has this text. */
  | { is: 'run elsewhere'; file: string; text: string }
  /** Its options, and what they may be, are compared with what the program knows. */
  | { is: 'parsed'; by: 'npm' | 'holdfast' | 'node' | 'files' }
  /** It can't run where tests run. `file` is what checks its effect. */
  | { is: 'not run'; why: string; file: string }
);

/** The first one whose shape is the line's counts. A line that none knows fails the test. */
export const CHECKS: readonly Check[] = [
  { shape: /^npm start$/, is: 'run elsewhere', file: 'deploy/test/newcomer.sh', text: 'npm start' },
  {
    shape:
      /^kubectl (-n (mcp|holdfast) (rollout status|port-forward service|delete pod --force|exec deployment)|apply -f deploy\/kubernetes)/,
    is: 'run elsewhere',
    file: 'deploy/test/e2e/kubernetes/cluster/first-steps.ts',
    text: '## From an empty cluster to a watched failover',
  },
  { shape: /^npm run session -- http/, is: 'run elsewhere', file: 'deploy/test/newcomer.sh', text: 'npm run session' },
  {
    shape: /^SESSION_STORE=memory npm start -- --gateways 1$/,
    is: 'run elsewhere',
    file: 'deploy/local/start.test.ts',
    text: "{ SESSION_STORE: 'memory' }",
  },
  { shape: /^npm test$/, is: 'run elsewhere', file: '.github/workflows/test.yml', text: 'npm test' },
  { shape: /^npm test -- sidecar\/routing\/decide\.test\.ts --match/, is: 'run' },
  { shape: /^(UPDATE_GOLDEN=1 )?npm test -- /, is: 'parsed', by: 'files' },
  { shape: /^npm run check$/, is: 'run elsewhere', file: 'deploy/test/main.ts', text: 'staticChecks()' },
  {
    shape: /^npm run fix$/,
    is: 'not run',
    why: 'it changes the files that are being tested',
    file: 'deploy/test/checks/ratchet.test.ts',
  },
  { shape: /^npm run package$/, is: 'run elsewhere', file: 'deploy/test/newcomer.sh', text: 'run --silent package' },
  {
    shape: /^npm (run )?sbom$/,
    is: 'not run',
    why: 'it prints the packages that the lockfile names; images get theirs from the build',
    file: '.github/workflows/images.yml',
  },
  {
    shape: /^npm run chaos$/,
    is: 'run elsewhere',
    file: 'deploy/test/e2e/chaos.e2e.test.ts',
    text: 'runScenario',
  },
  {
    shape: /^npm run matrix$/,
    is: 'run elsewhere',
    file: 'deploy/test/e2e/matrix.e2e.test.ts',
    text: 'matrix',
  },
  { shape: /^npm (run|start)\b/, is: 'parsed', by: 'npm' },
  { shape: /^npx holdfast (schema|validate deploy\/holdfast\.yaml)$/, is: 'run' },
  {
    shape: /^(npx )?holdfast (status|doctor|events|replicas|sessions)$/,
    is: 'run elsewhere',
    file: 'control-plane/cli/cli.test.ts',
    text: "holdfast('status')",
  },
  { shape: /^(npx )?holdfast\b/, is: 'parsed', by: 'holdfast' },
  {
    shape: /^npx changeset\b/,
    is: 'not run',
    why: 'it asks questions, and writes files',
    file: 'node_modules/.bin/changeset',
  },
  {
    shape: /^npx -y supergateway /,
    is: 'not run',
    why: 'it installs a program of somebody else',
    file: 'docs/servers.md',
  },
  {
    shape: /^node --max-semi-space-size=4$/,
    is: 'run elsewhere',
    file: 'deploy/Dockerfile',
    text: '--max-semi',
  },
  { shape: /^node (deploy\/setup\/with-node\.js )?(deploy\/|FILE)/, is: 'parsed', by: 'node' },
  { shape: /^npm ci --omit=dev$/, is: 'run elsewhere', file: 'deploy/Dockerfile', text: 'npm ci --omit=dev' },
  {
    shape: /^kubectl kustomize$/,
    is: 'run elsewhere',
    file: 'deploy/kubernetes/kubernetes.test.ts',
    text: 'kustomize',
  },
  {
    shape: /^docker (compose (up|exec|kill|stop)\b|stop$|run$)/,
    is: 'not run',
    why: 'it needs Docker, and images from a registry',
    file: 'deploy/test/e2e/compose.ts',
  },
  {
    shape: /^for image in sidecar control-plane example-server; do docker build /,
    is: 'not run',
    why: 'it needs Docker; buildah builds the same file there',
    file: 'deploy/test/try-images.sh',
  },
  {
    shape: /^helm install holdfast deploy\/helm\/holdfast /,
    is: 'not run',
    why: 'it needs a cluster; the chart is rendered and validated',
    file: 'deploy/helm/chart.test.ts',
  },
  {
    shape: /^kubectl apply -k deploy\/kubernetes\/base$/,
    is: 'not run',
    why: 'it needs a cluster; the manifests are built and validated',
    file: 'deploy/kubernetes/kubernetes.test.ts',
  },
  {
    shape: /^kubectl (-n \w+ )?(create|apply|label)\b/,
    is: 'not run',
    why: 'it needs a cluster; an API server of the e2e run takes the same objects',
    file: 'deploy/test/e2e/kubernetes-api.e2e.test.ts',
  },
  {
    shape: /^kubectl get mcpservers$/,
    is: 'run elsewhere',
    file: 'deploy/test/e2e/kubernetes-servers.e2e.test.ts',
    text: "'mcpservers'",
  },
  {
    shape: /^kubectl (-n mcp rollout restart deployment [\w-]+|port-forward)$/,
    is: 'not run',
    why: 'it needs a cluster with pods',
    file: 'docs/kubernetes.md',
  },
  { shape: /^deploy\/test\/(newcomer|try-images)\.sh$/, is: 'parsed', by: 'files' },
];
