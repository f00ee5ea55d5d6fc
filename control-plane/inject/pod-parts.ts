import { JOIN_AUDIENCE, JOINED_FILES } from '../../proto/join.ts';
import { envoyDrain, sidecarDrain } from './drain-hooks.ts';
import { OURS, type Container, type PodSpec } from './manifest.ts';

export interface PodOptions {
  /** `host:port` of the control planes' Service. */
  controlPlane: string;
  /** Image of the sidecar; Envoy's is the one that this version was tested with. */
  image: string;
  envoyImage: string;
  /** Secret whose key `url` says where Redis is. */
  redisSecret: string;
  /** Secret of the pods' certificate: `tls.crt`, `tls.key`, `ca.crt`. */
  certificateSecret: string;
  /** Secret whose key `ca.crt` signs Redis's certificate; null: a public authority does, or Redis speaks no TLS. */
  redisCaSecret: string | null;
  /** The pod gets certificate and Redis’s address from the control planes, and needs none of the Secrets; null: it does not. */
  join: JoinOptions | null;
  /** Which server of the configuration these pods are: its own Envoy serves it at `/mcp` as well, as before. Null: not said. */
  server: string | null;
  /** The pair listens on IPv6 as well. */
  ipv6: boolean;
  /** How long a pod may take to end. */
  graceSeconds: number;
  /** At most this long calls and streams may go on in a pod that ends; at most `graceSeconds` − 10. */
  drainSeconds: number;
}
export interface JoinOptions {
  /** `host:port` of the control planes, by a name that their certificate has. */
  address: string;
  /** Of the mesh, PEM: nothing secret, and what the pod believes when it shows its token. */
  authorities: string;
  /** Redis's certificate is signed by an authority that the control planes hand out. */
  hasRedisCa: boolean;
}
export const DEFAULTS: PodOptions = {
  controlPlane: 'holdfast-control-plane.holdfast:18000',
  image: 'holdfast/sidecar:0.1.0',
  envoyImage: 'envoyproxy/envoy:v1.40.0',
  redisSecret: 'holdfast-redis',
  certificateSecret: 'holdfast-gateway-tls',
  redisCaSecret: null,
  join: null,
  server: null,
  ipv6: false,
  graceSeconds: 60,
  drainSeconds: 50,
};
export const PORT = {
  mcp: 37373,
  envoyMetrics: 9902,
  envoyAdmin: 9901,
  relay: 7900,
  admin: 7901,
  peer: 7902,
  relayPeer: 7903,
} as const;
/** Balancers look away within this time. */
const LOOK_AWAY_SECONDS = 15;

const RUN = '/run/holdfast';
const runMount = { name: `${OURS}run`, mountPath: RUN };
/** Where the pods find their certificate; the control plane's configuration names the same files to their Envoys. */
const CERTS = '/etc/holdfast-certs';
const ownCertsMount = { name: `${OURS}certs`, mountPath: CERTS };
const certsMount = { ...ownCertsMount, readOnly: true };
/** The kubelet renews the token; it names the pod, and is good for nothing but joining. */
const tokenMount = { name: `${OURS}token`, mountPath: '/var/run/secrets/holdfast', readOnly: true };
const TOKEN_SECONDS = 3600;
const redisCaMount = { name: `${OURS}redis-ca`, mountPath: '/etc/holdfast-redis-ca', readOnly: true };
/** Only our own containers mount it; they may run as a user of the pod's choice. */
const READABLE = 0o444;
const securityContext = {
  runAsNonRoot: true,
  runAsUser: 1000,
  runAsGroup: 1000,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};
const fromField = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const identity = [fromField('POD_NAME', 'metadata.name'), fromField('POD_IP', 'status.podIP')];
/** Two namespaces may have pods of one name, and neither may speak for the other’s. */
const identityOf = ({ join }: PodOptions): { nodeId: string; env: object[] } =>
  join === null
    ? { nodeId: '$(POD_NAME)', env: identity }
    : { nodeId: '$(POD_NAMESPACE).$(POD_NAME)', env: [...identity, fromField('POD_NAMESPACE', 'metadata.namespace')] };
const http = (path: string, port: number): object => ({
  httpGet: { path, port },
  timeoutSeconds: 2,
  periodSeconds: 5,
  failureThreshold: 3,
});
type Volumes = NonNullable<PodSpec['volumes']>;

/** The pair as native sidecars: up before the pod's own containers, and ended after them, Envoy first, since it needs the sidecar. */
export function nativePair(options: PodOptions): { initContainers: Container[]; volumes: Volumes } {
  const always = { restartPolicy: 'Always' };
  return {
    initContainers: [
      ...(options.join === null ? [] : [join(options.join, options.image)]),
      bootstrap(options),
      { ...sidecar(options), ...always },
      { ...envoy(options), ...always },
    ],
    volumes: volumes(options),
  };
}

/** The Envoy and sidecar pair of a pod that is nothing else, and the init container that writes Envoy's bootstrap. */
export function pair(options: PodOptions): { initContainers: Container[]; containers: Container[]; volumes: Volumes } {
  return {
    initContainers: [bootstrap(options)],
    containers: [envoy(options), sidecar(options)],
    volumes: volumes(options),
  };
}

/** On `[::]` a process takes IPv4 too. */
const wildcard = ({ ipv6 }: PodOptions): string => (ipv6 ? '[::]' : '0.0.0.0');

const drainTimes = ({ drainSeconds }: PodOptions) => ({
  leastSeconds: Math.min(LOOK_AWAY_SECONDS, drainSeconds),
  mostSeconds: drainSeconds,
});

/** Ends when the pod has its certificate; the sidecar renews that. */
const join = ({ address, authorities }: JoinOptions, image: string): Container => ({
  name: `${OURS}join`,
  image,
  command: ['node', 'sidecar/join/main.ts'],
  args: ['--to', CERTS, '--control-plane', address, '--token', `${tokenMount.mountPath}/token`],
  env: [{ name: 'HOLDFAST_AUTHORITIES', value: authorities }],
  volumeMounts: [ownCertsMount, tokenMount],
  securityContext,
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
});

const bootstrap = (options: PodOptions): Container => ({
  name: `${OURS}bootstrap`,
  image: options.image,
  command: ['node', 'envoy/write-bootstrap.ts'],
  args: [
    '--to',
    `${RUN}/bootstrap.yaml`,
    '--node-id',
    identityOf(options).nodeId,
    '--xds',
    options.controlPlane,
    '--drainable',
    '--certs',
    CERTS,
    ...(options.ipv6 ? ['--listen', `[::]:${PORT.mcp}`, '--metrics', `[::]:${PORT.envoyMetrics}`] : []),
    ...(options.server === null ? [] : ['--server', options.server]),
  ],
  env: identityOf(options).env,
  volumeMounts: [runMount, certsMount],
  securityContext,
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
});

const envoy = (options: PodOptions): Container => ({
  name: `${OURS}envoy`,
  image: options.envoyImage,
  command: ['envoy'],
  args: ['-c', `${RUN}/bootstrap.yaml`, '--disable-hot-restart', '--log-level', 'warning'],
  ports: [
    { name: 'holdfast-mcp', containerPort: PORT.mcp },
    { name: 'holdfast-envoy', containerPort: PORT.envoyMetrics },
  ],
  // Only a listener from the control plane answers here: ready means that clients can be served.
  readinessProbe: http('/health', PORT.mcp),
  // Without a control plane no listener opens, and a restart would not help: only whether it runs.
  livenessProbe: {
    exec: { command: ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${PORT.envoyAdmin}`] },
    timeoutSeconds: 3,
    periodSeconds: 20,
    failureThreshold: 3,
  },
  lifecycle: { preStop: { exec: { command: ['bash', '-c', envoyDrain(PORT.envoyAdmin, drainTimes(options))] } } },
  volumeMounts: [runMount, certsMount],
  securityContext,
  resources: { requests: { cpu: '200m', memory: '128Mi' }, limits: { memory: '1200Mi' } },
});

const sidecar = (options: PodOptions): Container => ({
  name: `${OURS}sidecar`,
  image: options.image,
  args: [
    '--node-id',
    identityOf(options).nodeId,
    '--advertise',
    '$(POD_IP)',
    '--xds',
    options.controlPlane,
    '--ext-proc',
    `${RUN}/ext-proc.sock`,
    '--relay',
    `127.0.0.1:${PORT.relay}`,
    '--relay-peer',
    `${wildcard(options)}:${PORT.relayPeer}`,
    '--admin',
    `${wildcard(options)}:${PORT.admin}`,
    '--peer',
    `${wildcard(options)}:${PORT.peer}`,
    '--listen',
    `${wildcard(options)}:${PORT.mcp}`,
    options.join === null ? '--certs' : '--joined',
    CERTS,
  ],
  env: [...identityOf(options).env, ...redisEnv(options)],
  ports: [
    { name: 'holdfast-relay', containerPort: PORT.relayPeer },
    { name: 'holdfast-admin', containerPort: PORT.admin },
    { name: 'holdfast-peer', containerPort: PORT.peer },
  ],
  readinessProbe: http('/readyz', PORT.admin),
  livenessProbe: { ...http('/metrics', PORT.admin), initialDelaySeconds: 60, failureThreshold: 6 },
  lifecycle: {
    preStop: {
      exec: {
        command: [
          'node',
          '-e',
          sidecarDrain(PORT.admin, PORT.envoyAdmin, `${RUN}/ext-proc.drain-token`, drainTimes(options)),
        ],
      },
    },
  },
  volumeMounts:
    options.join === null
      ? [runMount, certsMount, ...(options.redisCaSecret === null ? [] : [redisCaMount])]
      : [runMount, ownCertsMount, tokenMount],
  securityContext,
  resources: { requests: { cpu: '200m', memory: '192Mi' }, limits: { memory: '512Mi' } },
});

/** Where Redis is, and who signs its certificate. A pod that joined has both in a file. */
function redisEnv({ join, redisSecret, redisCaSecret }: PodOptions): object[] {
  const ca = (path: string): object => ({ name: 'NODE_EXTRA_CA_CERTS', value: path });
  if (join !== null) return join.hasRedisCa ? [ca(`${CERTS}/${JOINED_FILES.redisCa}`)] : [];
  return [
    { name: 'SESSION_STORE', value: 'redis' },
    { name: 'SESSION_STORE_URL', valueFrom: { secretKeyRef: { name: redisSecret, key: 'url' } } },
    ...(redisCaSecret === null ? [] : [ca(`${redisCaMount.mountPath}/ca.crt`)]),
  ];
}

const inMemory = (name: string, sizeLimit: string) => ({ name, emptyDir: { medium: 'Memory', sizeLimit } });

function volumes({ certificateSecret, redisCaSecret, join }: PodOptions): Volumes {
  const run = inMemory(runMount.name, '16Mi');
  if (join !== null) {
    const serviceAccountToken = { audience: JOIN_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: 'token' };
    const token = { name: tokenMount.name, projected: { sources: [{ serviceAccountToken }] } };
    return [run, inMemory(certsMount.name, '1Mi'), token];
  }
  return [
    run,
    { name: certsMount.name, secret: { secretName: certificateSecret, defaultMode: READABLE } },
    ...(redisCaSecret === null
      ? []
      : [{ name: redisCaMount.name, secret: { secretName: redisCaSecret, defaultMode: READABLE } }]),
  ];
}
