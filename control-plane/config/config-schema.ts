import * as z from 'zod';
import { gatewayLimitsSchema } from '../../proto/limits.ts';
import { sharedSettingsSchema } from '../../proto/settings.ts';
import { tracingSchema } from '../../proto/tracing.ts';
import { kubernetesSchema } from './kubernetes-schema.ts';
import { listenerTlsSchema, listenSchema, milliseconds, upstreamTlsSchema } from './schema-parts.ts';
import { serverSchema } from './server-schema.ts';

const controlPlaneSchema = z
  .strictObject({
    xds: listenSchema.default('127.0.0.1:18000').describe('Where gateways fetch their resources (delta ADS).'),
    admin: listenSchema.default('127.0.0.1:18001').describe('Admin API, /health and /metrics.'),
    adminHosts: z
      .array(z.string().regex(/^[a-z0-9.-]+$/, 'a host name in lower case'))
      .default([])
      .describe(
        'Names with a public domain by which the admin port is reached; addresses and private names need none.',
      ),
    adminTokenFile: z
      .string()
      .min(1)
      .optional()
      .describe('File with the bearer token of the admin API; needed unless it listens on loopback.'),
    consoleWatchers: z
      .int()
      .min(0)
      .max(1000)
      .default(20)
      .describe('Pages of the console that may watch the mesh at a time. 0: none.'),
    tls: listenerTlsSchema
      .optional()
      .describe('TLS of the xDS port; with clientCaFile, gateways must show a certificate.'),
    kubernetes: kubernetesSchema.optional().describe('What the control planes do in Kubernetes beside discovery.'),
    leaseMs: milliseconds(5000, 'How long a silent leader stays the leader among several control planes.'),
    stateDir: z.string().min(1).optional().describe('Where slots and versions are kept when there is no Redis.'),
  })
  .prefault({});

/** A connection of HTTP/1.1 carries one unfinished request, one of HTTP/2 a hundred. */
const http2Schema = z
  .boolean()
  .optional()
  .describe(
    'Whether clients may speak HTTP/2. When absent: by TLS only, where browsers need it for many streams. Without TLS nearly nobody does, and it lets one connection take the memory of a hundred.',
  );

const gatewaySchema = z
  .strictObject({
    listenAddress: z.string().min(1).default('127.0.0.1').describe('Address of the public port (`port`).'),
    tls: listenerTlsSchema.optional().describe('TLS of the public port.'),
    peerTls: upstreamTlsSchema
      .optional()
      .describe(
        'TLS to neighbours’ sidecars (ext_proc and relay), which run with --certs, --peer and --relay-peer. `{node}` in a file’s name stands for the gateway’s own name, as in gateway.tls.',
      ),
    maxConnections: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(100_000)
      .describe('Upstream connections and requests at a time, per cluster: a bound against runaway, not a queue.'),
    accessLogs: z
      .boolean()
      .default(true)
      .describe('Send access logs to the sidecar; without them no outcome of steady requests is known.'),
    responseOutcomes: z
      .enum(['off', 'events', 'all'])
      .default('off')
      .describe(
        'Whether Envoy reads JSON-RPC errors and isError in answers that no relay holds (with `guard` the relay reads them). events: in event streams, as they pass; an event whose data is a bare JSON number, text, true, false or null then crashes Envoy 1.40.0, so only for replicas that send none. all: in JSON answers as well, each held back until it is complete.',
      ),
    maxJsonAnswerBytes: z
      .int()
      .min(1 << 20)
      .max(1 << 28)
      .default(16 << 20)
      .describe('responseOutcomes all: a JSON answer longer than this fails.'),
    limits: gatewayLimitsSchema.prefault({}).describe('What clients may take of a gateway node.'),
    http2: http2Schema,
    edgeAddresses: z
      .array(z.union([z.cidrv4(), z.cidrv6()], 'a block of addresses like 10.0.7.0/24 or fd00::/64'))
      .max(64)
      .default([])
      .describe(
        'Where edges connect from. They then speak HTTP/2 here without TLS, with pings, and leave a gateway that hangs after 1.3 s. By TLS they do so anyway.',
      ),
    xffTrustedHops: z
      .int()
      .min(0)
      .max(16)
      .optional()
      .describe(
        'Balancers in front whose X-Forwarded-For and X-Forwarded-Proto are believed. When absent: 1 where `edge` is configured (with `edgeAddresses`: from those alone), else 0.',
      ),
  })
  .prefault({});

/** Settings of Envoys in the edge role; an empty mapping has defaults for all. */
export const edgeSchema = z.strictObject({
  listen: listenSchema
    .default('127.0.0.1:8080')
    .describe('Plain port of the edge, where its own bootstrap does not say another.'),
  tlsListen: listenSchema.optional().describe('TLS port of the edge; needs `tls`.'),
  tls: listenerTlsSchema.optional(),
  connectTimeoutMs: milliseconds(1000, 'For a connection to a gateway node, its TLS handshake included.'),
  idleTimeoutMs: milliseconds(
    60_000,
    'A request with no byte in either direction for this long is ended; event streams are exempt.',
  ),
  gatewayTls: upstreamTlsSchema.optional().describe('Speak TLS to the gateway nodes (their `gateway.tls`).'),
  xffTrustedHops: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('Balancers before the edge whose X-Forwarded-For and X-Forwarded-Proto are believed.'),
  http2: http2Schema,
  ejectAfterFailures: z.int().min(1).max(100).default(3).describe('Failures in a row that take a gateway node out.'),
  ejectForMs: milliseconds(30_000, 'How long it stays out.'),
});

/** The one configuration file. JSON Schema and the reference in the README come from here. */
export const configSchema = z.strictObject({
  ...sharedSettingsSchema.shape,
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .refine((text) => new URL(text).href === `${new URL(text).origin}/`, 'scheme, host and port alone')
    .optional()
    .describe(
      'How clients reach the mesh: scheme, host, port. Tokens are checked for it, and log-in is described with it. When absent and the gateway listens on loopback: that address.',
    ),
  servers: z
    .array(serverSchema)
    .default([])
    .describe('The MCP servers behind the mesh; at least one, unless controlPlane.kubernetes.servers finds some.'),
  controlPlane: controlPlaneSchema,
  gateway: gatewaySchema,
  edge: edgeSchema.optional().describe('Settings of Envoys in the `edge` role.'),
  tracing: tracingSchema
    .optional()
    .describe(
      'Send spans of edges, gateways and sidecars to an OpenTelemetry collector; without it nothing is traced.',
    ),
});
export type Config = z.infer<typeof configSchema>;
export type EdgeConfig = z.infer<typeof edgeSchema>;
export type GatewayConfig = z.infer<typeof gatewaySchema>;
