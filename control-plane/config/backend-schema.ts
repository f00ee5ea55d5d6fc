import * as z from 'zod';
import { milliseconds, nameSchema, replicaAddressSchema, upstreamTlsSchema } from './schema-parts.ts';

const dnsSchema = z.strictObject({
  type: z.literal('dns'),
  name: z.string().min(1).describe('Host name, or service name for SRV.'),
  record: z.enum(['A', 'AAAA', 'SRV']).default('A').describe('Which records to ask for; SRV brings its own ports.'),
  port: z.int().min(1).max(65_535).optional().describe('Port of the replicas; needed unless the record is SRV.'),
  resolvers: z.array(z.string()).default([]).describe('Name servers as ip:port; the system’s when empty.'),
  minRefreshMs: milliseconds(1000, 'Never ask more often than this, however short the TTL.'),
  maxRefreshMs: milliseconds(30_000, 'Ask at least this often, however long the TTL.'),
});

const fileSchema = z.strictObject({
  type: z.literal('file'),
  path: z.string().min(1).describe('JSON or YAML file with a list of `ip:port` or `{address, name}`; watched.'),
});

const kubernetesSchema = z.strictObject({
  type: z.literal('kubernetes'),
  service: z.string().min(1).describe('Name of the Service whose EndpointSlices are followed.'),
  namespace: z.string().min(1).default('default'),
  port: z
    .union([z.int().min(1).max(65_535), z.string().min(1)])
    .optional()
    .describe('Number or name of the port; the only one when absent.'),
  family: z
    .enum(['IPv4', 'IPv6'])
    .optional()
    .describe('Which addresses of a dual-stack Service are used; IPv4 where it has both, when absent.'),
  kubeconfig: z.string().min(1).optional().describe('Path of a kubeconfig; the pod’s own service account when absent.'),
  context: z.string().min(1).optional(),
});

export const discoverySchema = z.discriminatedUnion('type', [dnsSchema, fileSchema, kubernetesSchema]);
export type DiscoveryConfig = z.infer<typeof discoverySchema>;
export type DnsDiscovery = z.infer<typeof dnsSchema>;
export type FileDiscovery = z.infer<typeof fileSchema>;
export type KubernetesDiscovery = z.infer<typeof kubernetesSchema>;

const replicaSchema = z.union([
  replicaAddressSchema.transform((address) => ({ address, name: address })),
  z
    .strictObject({ address: replicaAddressSchema, name: z.string().min(1).max(63).optional() })
    .transform(({ address, name }) => ({ address, name: name ?? address })),
]);

/** One version of a server: a weighted set of replicas, listed or discovered. */
export const backendSchema = z.strictObject({
  name: nameSchema.describe('For example `stable` or `canary`.'),
  weight: z
    .int()
    .min(0)
    .max(100)
    .default(100)
    .describe('Share of new sessions among the server’s backends; 0 keeps its sessions and takes no new ones.'),
  replicas: z.array(replicaSchema).optional().describe('Replicas as `ip:port` or `{address, name}`.'),
  discovery: discoverySchema.optional().describe('Where the replicas are found, instead of `replicas`.'),
  hostOverride: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Host header for this backend’s replicas; the server’s when null.'),
  tls: upstreamTlsSchema.optional().describe('Speak TLS to the replicas.'),
});
export type BackendConfig = z.infer<typeof backendSchema>;
