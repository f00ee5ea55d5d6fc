import * as z from 'zod';
import { DEFAULTS } from '../inject/pod-parts.ts';
import { listenSchema } from './schema-parts.ts';

const secretName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'the name of a Kubernetes object');
const seconds = z.int().min(1).max(86_400);
/** What a pod needs to end after its last call: the kubelet kills it when the grace is over. */
export const GRACE_MARGIN_SECONDS = 10;

const pemFile = (what: string, file: string) => z.string().min(1).default(file).describe(what);
/** Injected pods join by their ServiceAccount; nothing is copied into their namespaces. */
const joinSchema = z.strictObject({
  address: z
    .string()
    .regex(/^[a-z0-9.-]+:\d{1,5}$/, 'a name and a port')
    .default('holdfast-control-plane.holdfast:18002')
    .describe('Where injected pods reach `listen`, by a name that the certificate of the control planes has.'),
  authority: z
    .strictObject({
      certificateFile: pemFile('One of controlPlane.tls.clientCaFile.', '/etc/holdfast-authority/tls.crt'),
      keyFile: pemFile('Its key; every control plane needs it.', '/etc/holdfast-authority/tls.key'),
    })
    .prefault({})
    .describe('Signs the certificates of pods that join.'),
  redisUrlFile: z
    .string()
    .min(1)
    .default('/etc/holdfast-join/url')
    .describe('Holds the URL of Redis for gateways; pods that join get it.'),
  redisCaFile: z.string().min(1).optional().describe('Signs Redis’s certificate, where no public authority does.'),
});
export type JoinConfig = z.infer<typeof joinSchema>;

/** The mutating webhook that puts the pair into pods. */
const injectionSchema = z.strictObject({
  listen: listenSchema
    .default('0.0.0.0:18002')
    .describe('Where the API server asks, over TLS with the certificate of controlPlane.tls.'),
  webhook: secretName
    .default('holdfast-inject')
    .describe(
      'The MutatingWebhookConfiguration whose caBundle is kept; it becomes that of controlPlane.tls.clientCaFile.',
    ),
  keepCaBundle: z
    .boolean()
    .default(true)
    .describe('false: somebody else writes the caBundle, for example the injector of cert-manager.'),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('How the API server is reached; when absent, as the pod’s ServiceAccount.'),
  controlPlane: z
    .string()
    .regex(/^[a-z0-9.-]+:\d{1,5}$/, 'a name and a port')
    .default(DEFAULTS.controlPlane)
    .describe('Service of the control planes, as injected pods reach it.'),
  image: z.string().min(1).default(DEFAULTS.image).describe('Image of the sidecar.'),
  envoyImage: z.string().min(1).default(DEFAULTS.envoyImage).describe('Image of Envoy.'),
  redisSecret: secretName
    .default(DEFAULTS.redisSecret)
    .describe('Secret of the pods’ namespace whose key `url` says where Redis is.'),
  redisCaSecret: secretName
    .optional()
    .describe('Secret of the pods’ namespace whose key `ca.crt` signs Redis’s certificate.'),
  certificateSecret: secretName
    .default(DEFAULTS.certificateSecret)
    .describe('Secret of the pods’ namespace with their certificate (tls.crt, tls.key, ca.crt).'),
  join: joinSchema
    .optional()
    .describe(
      'Pods get certificate and Redis’s address from the control planes, by their ServiceAccount: no Secret in their namespace.',
    ),
  ipv6: z.boolean().default(false).describe('Envoy and sidecar of injected pods listen on IPv6 as well.'),
  graceSeconds: seconds
    .min(GRACE_MARGIN_SECONDS + 1)
    .default(DEFAULTS.graceSeconds)
    .describe('How long an injected pod may take to end, at least.'),
  drainSeconds: seconds
    .optional()
    .describe('How long its calls and streams may go on then; when absent, 10 less than graceSeconds.'),
});
export type InjectionConfig = z.infer<typeof injectionSchema>;

/** Servers out of the cluster, beside those of the file. */
const clusterServersSchema = z.strictObject({
  namespaces: z
    .array(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'the name of a namespace'))
    .min(1)
    .optional()
    .describe('Whose McpServers and Services are looked at; those of all namespaces when absent.'),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('How the API server is reached; when absent, as the pod’s ServiceAccount.'),
  max: z
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe(
      'How many servers the cluster may add to those of the file; one namespace of several gets half at the most.',
    ),
});
export type ClusterServersConfig = z.infer<typeof clusterServersSchema>;

export const kubernetesSchema = z.strictObject({
  servers: clusterServersSchema
    .optional()
    .describe(
      'Servers from custom resources McpServer and annotated Services (docs/kubernetes.md); read at the start.',
    ),
  injection: injectionSchema
    .optional()
    .describe('Puts Envoy and sidecar into pods that ask for it (docs/kubernetes.md); needs controlPlane.tls.'),
});
