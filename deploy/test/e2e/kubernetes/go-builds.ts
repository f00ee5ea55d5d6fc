import {
  COREDNS_VERSION,
  HELM_VERSION,
  KUBE_ROUTER_VERSION,
  KUBERNETES_VERSION,
  type ProgramName,
} from './binaries.ts';

/** How Go builds one program out of published modules. */
export interface GoBuild {
  /** Folder of its module, within the cache; programs of one module share one. */
  folder: string;
  /** Module and version whose go.mod says which Go it wants, and which parts are to be replaced by published ones. */
  likeModule: string;
  /** Lines of `require`. */
  requires: readonly string[];
  /** Commands that the module names as its tools. */
  tools: readonly string[];
  /** The package that is built. */
  target: string;
  /** main.go of the folder, where no published command is what we need. */
  source?: string;
}

const KUBERNETES = 'k8s.io/kubernetes',
  HELM = 'helm.sh/helm/v3',
  KUBE_ROUTER = 'github.com/cloudnativelabs/kube-router/v2',
  COREDNS = 'github.com/coredns/coredns';
const COMMANDS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const;
const OF_KUBERNETES = `${KUBERNETES}@v${KUBERNETES_VERSION}`;
/** Of CoreDNS' fifty plugins those that a cluster's DNS needs: the others bring half of the world's clouds along. */
const PLUGINS = ['bind', 'cache', 'errors', 'forward', 'health', 'kubernetes', 'log', 'ready', 'reload'];

/** etcd comes from a Debian package. */
export function goBuildOf(name: Exclude<ProgramName, 'etcd'>): GoBuild {
  switch (name) {
    case 'helm':
      return {
        folder: 'build-helm',
        likeModule: OF_KUBERNETES,
        requires: [`${HELM} v${HELM_VERSION}`],
        tools: [`${HELM}/cmd/helm`],
        target: `${HELM}/cmd/helm`,
      };
    case 'kube-router':
      return {
        folder: 'build-kube-router',
        likeModule: `${KUBE_ROUTER}@v${KUBE_ROUTER_VERSION}`,
        requires: [`${KUBE_ROUTER} v${KUBE_ROUTER_VERSION}`],
        tools: [`${KUBE_ROUTER}/cmd/kube-router`],
        target: `${KUBE_ROUTER}/cmd/kube-router`,
      };
    case 'coredns':
      return {
        folder: 'build-coredns',
        likeModule: `${COREDNS}@v${COREDNS_VERSION}`,
        requires: [`${COREDNS} v${COREDNS_VERSION}`],
        tools: [],
        target: '.',
        source: corednsSource(),
      };
    default:
      return {
        folder: 'build',
        likeModule: OF_KUBERNETES,
        requires: [`${KUBERNETES} v${KUBERNETES_VERSION}`],
        tools: COMMANDS.map((each) => `${KUBERNETES}/cmd/${each}`),
        target: `${KUBERNETES}/cmd/${name}`,
      };
  }
}

const corednsSource = (): string =>
  [
    'package main',
    'import (',
    `  "${COREDNS}/coremain"`,
    ...PLUGINS.map((each) => `  _ "${COREDNS}/plugin/${each}"`),
    ')',
    'func main() { coremain.Run() }',
    '',
  ].join('\n');
