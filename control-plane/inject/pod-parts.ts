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
}
export const DEFAULTS: PodOptions = {
  controlPlane: 'holdfast-control-plane.holdfast:18000',
  image: 'holdfast/sidecar:0.1.0',
  envoyImage: 'envoyproxy/envoy:v1.40.0',
  redisSecret: 'holdfast-redis',
  certificateSecret: 'holdfast-gateway-tls',
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
/** What runs when the pod is asked to go: balancers look away, then calls finish. */
const DRAIN_SECONDS = 15;
export const GRACE_SECONDS = 60;

const RUN = '/run/holdfast';
const runMount = { name: `${OURS}run`, mountPath: RUN };
/** Where the pods find their certificate; the control plane's configuration names the same files to their Envoys. */
const CERTS = '/etc/holdfast-certs';
const certsMount = { name: `${OURS}certs`, mountPath: CERTS, readOnly: true };
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
/** bash of Envoy's image can speak HTTP when nothing else there can. */
const envoyDrain = `exec 3<>/dev/tcp/127.0.0.1/${PORT.envoyAdmin} && printf 'POST /healthcheck/fail HTTP/1.1\\r\\nhost: localhost\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n' >&3; sleep ${DRAIN_SECONDS}`;
const drainToken = `'Bearer ' + require('fs').readFileSync('${RUN}/ext-proc.drain-token')`;
const sidecarDrain = `fetch('http://127.0.0.1:${PORT.admin}/drain', { method: 'POST', headers: { authorization: ${drainToken} } }).catch(() => {}); setTimeout(() => {}, ${(DRAIN_SECONDS + 2) * 1000})`;

/** The Envoy and sidecar pair of one pod, and the init container that writes Envoy's bootstrap. */
export function pair(options: PodOptions): {
  initContainers: Container[];
  containers: Container[];
  volumes: NonNullable<PodSpec['volumes']>;
} {
  return {
    initContainers: [
      {
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
        ],
        env: identity,
        volumeMounts: [runMount, certsMount],
        securityContext,
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      },
    ],
    containers: [
      {
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
        lifecycle: { preStop: { exec: { command: ['bash', '-c', envoyDrain] } } },
        volumeMounts: [runMount, certsMount],
        securityContext,
        resources: { requests: { cpu: '200m', memory: '128Mi' }, limits: { memory: '1200Mi' } },
      },
      {
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
        ],
        ports: [
          { name: 'holdfast-relay', containerPort: PORT.relayPeer },
          { name: 'holdfast-admin', containerPort: PORT.admin },
          { name: 'holdfast-peer', containerPort: PORT.peer },
        ],
        readinessProbe: http('/readyz', PORT.admin),
        livenessProbe: { ...http('/metrics', PORT.admin), initialDelaySeconds: 60, failureThreshold: 6 },
        lifecycle: { preStop: { exec: { command: ['node', '-e', sidecarDrain] } } },
        volumeMounts: [runMount, certsMount],
        securityContext,
        resources: { requests: { cpu: '200m', memory: '192Mi' }, limits: { memory: '512Mi' } },
      },
    ],
    volumes: [
      { name: `${OURS}run`, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
      { name: `${OURS}certs`, secret: { secretName: options.certificateSecret, defaultMode: READABLE } },
    ],
  };
}
