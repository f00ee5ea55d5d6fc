import { parseDocument } from 'yaml';
import { listening, type EnvoyAddress } from '../proto/envoy-address.ts';
import { hostOf, isLoopback } from '../proto/identity/host.ts';
import { identityContext, type ControlPlaneTls } from './identity-secrets.ts';
import { metricsListener } from './metrics-listener.ts';

/** What one Envoy of the mesh is told at its start. Addresses are `host:port`, `[ipv6]:port` or `unix:/path`. */
export interface BootstrapOptions {
  /** The gateway's name, unique in the mesh. */
  nodeId: string;
  /** gateway: Envoy with a sidecar. edge: a balancer before gateways. */
  role: 'gateway' | 'edge';
  /** Where clients connect. */
  listen: string;
  /** ext_proc and access log service of this node's sidecar processes, one address each; none for an edge. */
  extProc: readonly string[];
  /** Relay of this node's sidecar processes, one address each; none for an edge. */
  relay: readonly string[];
  controlPlanes: readonly string[];
  /** The server of the configuration whose pod this Envoy is in. It is served at `/mcp` as well. */
  server?: string;
  admin: string;
  /** The admin interface also takes `POST /healthcheck/fail`, for a first process or a hook that drains this Envoy. */
  isDrainable?: boolean;
  /** Where Prometheus may read statistics, `/stats/prometheus` and nothing else; absent: only at `admin`. */
  metrics?: string;
  /** TLS to the control planes. */
  controlPlaneTls?: ControlPlaneTls;
  /** Above 90 % of it Envoy sheds load (README). */
  heapLimitBytes?: number;
  maxConnections?: number;
}

/** Linux keeps 108 bytes for the path of a Unix socket; Envoy refuses longer ones late and unclearly. */
const UNIX_PATH_MAX = 100;
const HEAP_LIMIT_BYTES = 1 << 30;
const MAX_CONNECTIONS = 50_000;

/** Fills `template` (bootstrap.yaml) in. Pure; throws an Error that names the option when an address is not one. */
export function renderBootstrap(template: string, options: BootstrapOptions): string {
  if (options.nodeId === '') throw new Error('nodeId is empty: give each Envoy a name of its own');
  if (options.controlPlanes.length === 0)
    throw new Error('controlPlanes is empty: name at least one control plane as host:port');
  const document = parseDocument(template);
  document.setIn(['node', 'id'], options.nodeId);
  document.setIn(
    ['node', 'metadata', 'holdfast'],
    document.createNode(
      {
        role: options.role,
        listen: options.listen,
        extProc: options.extProc.map((address) => checked(address, 'extProc')),
        relay: options.relay.map((address) => checked(address, 'relay')),
        ...(options.server !== undefined && { server: options.server }),
      },
      { flow: true },
    ),
  );
  envoyAddress(options.listen, 'listen');

  document.setIn(['admin', 'address'], document.createNode(envoyAddress(options.admin, 'admin'), { flow: true }));
  document.setIn(['admin', 'allow_paths'], document.createNode(adminPaths(options.isDrainable ?? false)));
  document.setIn(
    ['static_resources', 'clusters', 0, 'load_assignment', 'endpoints'],
    document.createNode(
      [
        {
          lb_endpoints: options.controlPlanes.map((address) => ({
            endpoint: { address: envoyAddress(address, 'controlPlanes') },
          })),
        },
      ],
      { flow: true },
    ),
  );
  if (options.metrics !== undefined) {
    const { listener, cluster } = metricsListener(
      listening(envoyAddress(options.metrics, 'metrics')),
      envoyAddress(options.admin, 'admin'),
    );
    document.setIn(['static_resources', 'listeners'], document.createNode([listener]));
    document.addIn(['static_resources', 'clusters'], document.createNode(cluster));
  }
  if (options.controlPlaneTls) {
    document.setIn(
      ['static_resources', 'clusters', 0, 'transport_socket'],
      document.createNode({
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
          common_tls_context: {
            alpn_protocols: ['h2'],
            tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
            ...identityContext(options.controlPlaneTls),
          },
        },
      }),
    );
  }
  checkExposure(options);
  const monitors = ['overload_manager', 'resource_monitors'];
  document.setIn([...monitors, 0, 'typed_config', 'max_heap_size_bytes'], options.heapLimitBytes ?? HEAP_LIMIT_BYTES);
  document.setIn(
    [...monitors, 1, 'typed_config', 'max_active_downstream_connections'],
    options.maxConnections ?? MAX_CONNECTIONS,
  );
  return document.toString({ lineWidth: 0 });
}

/** Envoy answers 403 to every other path: nobody who reaches the interface reads the configuration, or ends the process. */
const adminPaths = (isDrainable: boolean): object[] => [
  { exact: '/ready' },
  { exact: '/stats' },
  { prefix: '/stats?' },
  { exact: '/stats/prometheus' },
  { prefix: '/stats/prometheus?' },
  ...(isDrainable ? [{ exact: '/healthcheck/fail' }] : []),
];

/** What would let others in is refused by name. A Unix socket and loopback are this machine's own. */
function checkExposure({ admin, controlPlanes, controlPlaneTls }: BootstrapOptions): void {
  const isLocal = (address: string): boolean => address.startsWith('unix:') || isLoopback(hostOf(address) ?? '');
  if (!isLocal(admin))
    throw new Error(
      `admin: ${admin} is off loopback, and whoever reaches Envoy’s admin interface can end it and read its secrets’ names: use 127.0.0.1:9901 (statistics for Prometheus have an option of their own, metrics)`,
    );
  const strange = controlPlanes.find((address) => !isLocal(address));
  if (strange !== undefined && !controlPlaneTls)
    throw new Error(
      `controlPlanes: ${strange} is off loopback, and without certificates whoever answers there decides where clients’ requests go: name a folder of them (--certs DIR, made with \`holdfast certs init\`)`,
    );
}

function checked(address: string, option: string): string {
  envoyAddress(address, option);
  return address;
}

function envoyAddress(text: string, option: string): EnvoyAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (path.length >= UNIX_PATH_MAX)
      throw new Error(
        `${option}: the socket path has ${path.length} characters, at most ${UNIX_PATH_MAX - 1} fit: choose a shorter folder (${path})`,
      );
    return { pipe: { path } };
  }
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = ipv6 ?? name,
    port = Number(digits);
  if (address === undefined || port > 65_535)
    throw new Error(`${option}: “${text}” is not an address: host:port, [ipv6]:port or unix:/path is`);
  return { socket_address: { address, port_value: port } };
}
