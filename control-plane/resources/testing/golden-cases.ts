import { parseConfig } from '../../config/parse-config.ts';
import type { Config } from '../../config/config-schema.ts';
import { buildTopology } from '../../topology/build-topology.ts';
import { nothingKnown, replicaKey, type TopologyInputs } from '../../topology/inputs.ts';
import type { TopologySnapshot } from '../../topology/topology.ts';
import type { EnvoyNode } from '../node.ts';

export interface GoldenCase {
  name: string;
  description: string;
  snapshot: TopologySnapshot;
  node: EnvoyNode;
}

/** For tests: a configuration from YAML. */
export function configOf(text: string): Config {
  const parsed = parseConfig(text, {});
  if (parsed.kind === 'bad') throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** For tests: inputs as they are when everything is well; slots are 1, 2, 3 … in the order of the configuration. */
export function inputsOf(config: Config, changes: Partial<TopologyInputs> = {}): TopologyInputs {
  const replicas = config.servers.flatMap((server) =>
    server.backends.flatMap((backend) =>
      (backend.replicas ?? []).map(({ name, address }) => ({
        server: server.name,
        backend: backend.name,
        name,
        address,
      })),
    ),
  );
  return {
    ...nothingKnown(),
    config,
    replicas,
    slots: new Map(replicas.map((each, index) => [replicaKey(each.server, each.address), String(index + 1)])),
    ...changes,
  };
}

const gateway = (id: string, port: number) => ({
  id,
  relay: [`10.0.0.${port}:7900`],
  peer: `10.0.0.${port}:7901`,
  listen: `10.0.0.${port}:37373`,
  isDraining: false,
});
const node: EnvoyNode = {
  id: 'gateway-1',
  role: 'gateway',
  listen: '127.0.0.1:37373',
  extProc: ['unix:/run/holdfast/sidecar.sock'],
  relay: ['127.0.0.1:7900'],
};
const golden = (
  name: string,
  description: string,
  text: string,
  changes: Partial<TopologyInputs> = {},
  from: EnvoyNode = node,
): GoldenCase => ({ name, description, snapshot: buildTopology(inputsOf(configOf(text), changes)), node: from });

/** Stands for a folder with tls.crt and tls.key; Envoy wants to read them even when it only validates. */
export const TLS_FOLDER = '/etc/holdfast/tls';
const TLS = `{certificateFile: ${TLS_FOLDER}/tls.crt, keyFile: ${TLS_FOLDER}/tls.key}`;
const ONE = 'servers: [{name: linear, backends: [{name: stable, replicas: ["10.1.0.1:3000", "10.1.0.2:3000"]}]}]';

/** The situations whose resources are kept beside this file, to be read and to be compared. */
export const goldenCases = (): GoldenCase[] => [
  golden('one-server', 'one server, two replicas, everything well', ONE),
  golden(
    'one-server-guard-off',
    'Envoy alone on the path',
    ONE.replace('{name: linear,', '{name: linear, guard: off,'),
  ),
  golden(
    'one-server-guard-streams',
    'the relay holds streams only, and a tool’s breaker is open',
    ONE.replace('{name: linear,', '{name: linear, guard: streams,'),
    { openBreakers: [{ server: 'linear', slot: null, tool: 'pay' }] },
  ),
  golden(
    'canary-draining-lost',
    'two servers; a canary at 10 %, a draining, an unhealthy and a lost incarnation, an open breaker',
    `
servers:
  - name: linear
    backends:
      - {name: stable, weight: 90, replicas: ["10.1.0.1:3000", "10.1.0.2:3000", "10.1.0.3:3000"]}
      - {name: canary, weight: 10, replicas: ["10.1.0.4:3000"]}
  - {name: queryquill, path: /rpc, maxBodyBytes: 65536, backends: [{name: stable, replicas: ["10.2.0.1:3000", "10.2.0.2:3000"]}]}
`,
    {
      drains: [{ server: 'linear', replica: '10.1.0.2:3000' }],
      health: new Map([[replicaKey('linear', '10.1.0.3:3000'), 'unhealthy']]),
      tools: new Map([
        [
          'linear',
          [
            { name: 'create_issue', isReadOnly: false, isIdempotent: false },
            { name: 'list_issues', isReadOnly: true, isIdempotent: false },
          ],
        ],
        ['queryquill', []],
      ]),
      lostSlots: new Map([['linear', ['z9', 'a4']]]),
      openBreakers: [{ server: 'queryquill', slot: '6', tool: null }],
    },
  ),
  golden(
    'several-gateways',
    'three gateway nodes, one of them draining; two sidecar processes here',
    ONE,
    {
      gateways: [
        gateway('gateway-1', 1),
        gateway('gateway-2', 2),
        gateway('gateway-3', 3),
        { ...gateway('gateway-4', 4), isDraining: true },
      ],
    },
    {
      ...node,
      extProc: ['unix:/run/holdfast/a.sock', 'unix:/run/holdfast/b.sock'],
      relay: ['127.0.0.1:7900', '127.0.0.1:7910'],
    },
  ),
  golden(
    'neighbours-by-tls',
    'two gateway nodes with certificates: plain to one’s own sidecar, mTLS to the neighbour’s ext_proc and relay',
    `
gateway: {peerTls: ${TLS}}
${ONE}`,
    {
      gateways: [
        { ...gateway('gateway-1', 1), isRelayTls: true },
        { ...gateway('gateway-2', 2), isRelayTls: true },
      ],
    },
  ),
  golden(
    'tracing-grpc',
    'spans to a collector by gRPC and TLS, with a header out of a file',
    `
tracing: {endpoint: "https://otel.example:4317", headerFiles: {authorization: ${TLS_FOLDER}/otlp-token}, caFile: ${TLS_FOLDER}/tls.crt, sampling: {followClients: true}}
${ONE}`,
  ),
  golden(
    'tracing-edge',
    'an edge that sends spans by HTTP; strangers don’t decide which',
    `
edge: {}
tracing: {endpoint: "http://127.0.0.1:4318", protocol: http/protobuf, sampling: {ratio: 0.25, followClients: false}}
${ONE}`,
    { gateways: [gateway('gateway-1', 1)] },
    { id: 'edge-1', role: 'edge', listen: '0.0.0.0:80', extProc: [], relay: [] },
  ),
  golden('nothing-left', 'no replica at all: the relay answers', ONE, { replicas: [] }),
  golden(
    'edge',
    'an edge before three gateways, one of them draining, with TLS',
    `
edge: {tlsListen: "0.0.0.0:443", tls: ${TLS}}
${ONE}`,
    { gateways: [gateway('gateway-1', 1), gateway('gateway-2', 2), { ...gateway('gateway-3', 3), isDraining: true }] },
    { id: 'edge-1', role: 'edge', listen: '0.0.0.0:80', extProc: [], relay: [] },
  ),
  golden(
    'log-in',
    'two servers whose replicas ask for tokens themselves; one is an authorization server with a host of its own',
    `
publicUrl: "https://mcp.example.com"
servers:
  - {name: fm, hosts: [fm.example.com], routes: [oauth, "/ui/*"], allowedHosts: [mcp.example.com, fm.example.com], backends: [{name: stable, replicas: ["10.1.0.1:8000"]}]}
  - {name: linear, path: /rpc, backends: [{name: stable, replicas: ["10.2.0.1:3000"]}]}
`,
  ),
  golden(
    'policies',
    'JWT, rate limits, Host and Origin lists, Host override and TLS to the replicas, JSON outcomes',
    `
publicUrl: "https://mcp.example.com"
gateway: {responseOutcomes: all, xffTrustedHops: 1}
servers:
  - name: linear
    guard: calls
    jwt: {issuer: "https://id.example.com", scopes: [tools, 'mcp:read'], jwksUrl: "https://id.example.com/keys"}
    rateLimit: {session: {requests: 100}, client: {requests: 1000, perMs: 60000, burst: 2000}}
    allowedOrigins: ["https://app.example.com", "https://*.apps.example.com"]
    cors: {exposeHeaders: [x-mine]}
    allowedHosts: [mcp.example.com]
    backends:
      - {name: stable, hostOverride: "localhost:3000", replicas: ["10.1.0.1:3000", "[fd00::1]:3000"]}
      - {name: secure, tls: {serverName: linear.internal}, replicas: ["10.1.0.9:3443"]}
`,
  ),
];
