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
  /** Which server of the configuration these pods are: its own Envoy serves it at `/mcp` as well, as before. Null: not said. */
  server: string | null;
  /** How long a pod may take to end. */
  graceSeconds: number;
  /** At most this long calls and streams may go on in a pod that ends; at most `graceSeconds` − 10. */
  drainSeconds: number;
}
export const DEFAULTS: PodOptions = {
  controlPlane: 'holdfast-control-plane.holdfast:18000',
  image: 'holdfast/sidecar:0.1.0',
  envoyImage: 'envoyproxy/envoy:v1.40.0',
  redisSecret: 'holdfast-redis',
  certificateSecret: 'holdfast-gateway-tls',
  redisCaSecret: null,
  server: null,
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
const certsMount = { name: `${OURS}certs`, mountPath: CERTS, readOnly: true };
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
    initContainers: [bootstrap(options), { ...sidecar(options), ...always }, { ...envoy(options), ...always }],
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

const drainTimes = ({ drainSeconds }: PodOptions) => ({
  leastSeconds: Math.min(LOOK_AWAY_SECONDS, drainSeconds),
  mostSeconds: drainSeconds,
});

const bootstrap = (options: PodOptions): Container => ({
  name: `${OURS}bootstrap`,
  image: options.image,
  command: ['node', 'envoy/write-bootstrap.ts'],
  args: [
    '--to',
    `${RUN}/bootstrap.yaml`,
    '--node-id',
    '$(POD_NAME)',
    '--xds',
    options.controlPlane,
    '--drainable',
    '--certs',
    CERTS,
    ...(options.server === null ? [] : ['--server', options.server]),
  ],
  env: identity,
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
    '$(POD_NAME)',
    '--advertise',
    '$(POD_IP)',
    '--xds',
    options.controlPlane,
    '--ext-proc',
    `${RUN}/ext-proc.sock`,
    '--relay',
    `127.0.0.1:${PORT.relay}`,
    '--relay-peer',
    `0.0.0.0:${PORT.relayPeer}`,
    '--admin',
    `0.0.0.0:${PORT.admin}`,
    '--peer',
    `0.0.0.0:${PORT.peer}`,
    '--listen',
    `0.0.0.0:${PORT.mcp}`,
    '--certs',
    CERTS,
  ],
  env: [
    ...identity,
    { name: 'SESSION_STORE', value: 'redis' },
    { name: 'SESSION_STORE_URL', valueFrom: { secretKeyRef: { name: options.redisSecret, key: 'url' } } },
    ...(options.redisCaSecret === null
      ? []
      : [{ name: 'NODE_EXTRA_CA_CERTS', value: `${redisCaMount.mountPath}/ca.crt` }]),
  ],
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
  volumeMounts: [runMount, certsMount, ...(options.redisCaSecret === null ? [] : [redisCaMount])],
  securityContext,
  resources: { requests: { cpu: '200m', memory: '192Mi' }, limits: { memory: '512Mi' } },
});

const volumes = ({ certificateSecret, redisCaSecret }: PodOptions): Volumes => [
  { name: `${OURS}run`, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
  { name: `${OURS}certs`, secret: { secretName: certificateSecret, defaultMode: READABLE } },
  ...(redisCaSecret === null
    ? []
    : [{ name: redisCaMount.name, secret: { secretName: redisCaSecret, defaultMode: READABLE } }]),
];
