import * as z from 'zod';
import { describeIssue } from '../config/describe-issue.ts';
import { configJsonSchema, type JsonSchema } from '../config/json-schema.ts';
import { serverSchema, type ServerConfig } from '../config/server-schema.ts';
import { formatPath } from '../../proto/config-file/problem.ts';
import type { KubernetesObject } from '../kubernetes/object-watch.ts';

export const GROUP = 'mesh.holdfast',
  VERSION = 'v1alpha1',
  PLURAL = 'mcpservers';
/** On a Service: it is a server of the mesh of this name, with defaults for all else. */
const SERVER_ANNOTATION = 'mesh.holdfast/server';

/**
 * What the owner of a namespace may set for his own servers. What names files of the mesh's processes, makes them fetch something, takes a host of
 * others or memory of all is for the configuration file.
 */
export const OWNED_SETTINGS = [
  'path',
  'guard',
  'onReplicaLoss',
  'trustAnnotations',
  'retrySafeTools',
  'retryBudget',
  'timeouts',
  'sessionTtlSeconds',
  'hostOverride',
  'originOverride',
  'replicaBreaker',
  'toolBreaker',
  'countToolErrors',
  'affinity',
  'allowedOrigins',
  'cors',
  'rateLimit',
] as const;

interface Metadata {
  name?: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string | Date;
  annotations?: Record<string, string>;
}
/** A Service, as far as it is read. */
export interface ServiceObject extends KubernetesObject {
  metadata?: Metadata;
}
/** A custom resource McpServer. Its spec is whatever the API server let through. */
export interface McpServerObject extends KubernetesObject {
  metadata?: Metadata;
  spec?: unknown;
  status?: Record<string, unknown>;
}

const specSchema = z.strictObject({
  server: z.string().optional(),
  backends: z
    .array(
      z.strictObject({
        name: z.string().default('stable'),
        service: z.string().min(1),
        weight: z.int().min(0).max(100).default(100),
        port: z.union([z.int(), z.string()]).optional(),
        family: z.enum(['IPv4', 'IPv6']).optional(),
      }),
    )
    .min(1)
    .max(16),
  settings: z.record(z.string(), z.unknown()).default({}),
});

/** A server that an object of the cluster asks for. */
export interface Wanted {
  kind: 'McpServer' | 'Service';
  /** `namespace/name`. */
  object: string;
  createdMs: number;
  /** The name that it claims in the mesh. */
  server: string;
  /** Undefined where it can't be. */
  config: ServerConfig | undefined;
  problem: string | null;
}

let schema: JsonSchema | undefined;

/** Every gateway gets what is in a spec, and the control plane reads it at each change of the cluster. */
const MAX_SPEC_CHARACTERS = 64 << 10;
/** By the object that the watch gave, which never changes: one owner's changes must not cost the reading of all others' specs. */
const readBefore = new WeakMap<object, Wanted>();

/** The name that a custom resource claims in the mesh. */
export const claimedName = ({ metadata, spec }: McpServerObject): string =>
  nameIn(specSchema.safeParse(spec).data, metadata);

const nameIn = (spec: { server?: string | undefined } | undefined, metadata: Metadata | undefined): string =>
  spec?.server ?? metadata?.name ?? '';

/** What a custom resource asks for. `kubeconfig`: how its Services are found; absent as in production. */
export function wantedByResource(object: McpServerObject, kubeconfig?: string): Wanted {
  const known = readBefore.get(object);
  if (known) return known;
  const wanted = readResource(object, kubeconfig);
  readBefore.set(object, wanted);
  return wanted;
}

/** How long a spec is; the longest of all where it is too deep to say. */
function lengthOf(spec: unknown): number {
  try {
    return JSON.stringify(spec ?? null).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function readResource({ metadata, spec }: McpServerObject, kubeconfig?: string): Wanted {
  const length = lengthOf(spec);
  if (length > MAX_SPEC_CHARACTERS) {
    const problem = `spec: expected at most ${MAX_SPEC_CHARACTERS} characters as JSON, got ${length}`;
    const base = { object: objectOf(metadata), createdMs: createdMs(metadata), server: metadata?.name ?? '' };
    return { ...base, kind: 'McpServer', config: undefined, problem };
  }
  const read = specSchema.safeParse(spec);
  const server = nameIn(read.data, metadata);
  const base = { kind: 'McpServer' as const, object: objectOf(metadata), createdMs: createdMs(metadata), server };
  if (!read.success) return { ...base, config: undefined, problem: said(read.error.issues, ['spec']) };
  const { backends, settings } = read.data;
  const foreign = Object.keys(settings).find((key) => !(OWNED_SETTINGS as readonly string[]).includes(key));
  if (foreign !== undefined)
    return { ...base, config: undefined, problem: `spec.settings.${foreign}: only the configuration file may set it` };
  const namespace = metadata?.namespace ?? '';
  const parsed = serverSchema.safeParse(
    {
      ...settings,
      name: server,
      backends: backends.map(({ name, weight, ...where }) => ({
        name,
        weight,
        // Of its own namespace, whatever it says: nobody can point the mesh at somebody else's pods.
        discovery: { type: 'kubernetes', namespace, ...where, ...(kubeconfig !== undefined && { kubeconfig }) },
      })),
    },
    { reportInput: true },
  );
  return parsed.success
    ? { ...base, config: parsed.data, problem: null }
    : { ...base, config: undefined, problem: said(parsed.error.issues, ['spec', 'settings']) };
}

/** What an annotated Service asks for; undefined for any other Service. */
export function wantedByService({ metadata }: ServiceObject, kubeconfig?: string): Wanted | undefined {
  const server = metadata?.annotations?.[SERVER_ANNOTATION];
  if (server === undefined) return undefined;
  const spec = { server, backends: [{ service: metadata?.name ?? '' }] };
  const { problem, ...wanted } = wantedByResource({ ...(metadata && { metadata }), spec }, kubeconfig);
  return { ...wanted, kind: 'Service', problem: problem && `annotation ${SERVER_ANNOTATION}: ${problem}` };
}

const objectOf = (metadata: Metadata | undefined): string => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
const createdMs = (metadata: Metadata | undefined): number => {
  const { creationTimestamp } = metadata ?? {};
  return creationTimestamp === undefined ? 0 : new Date(creationTimestamp).getTime();
};

/** The first problem, in the words of the configuration. */
function said(issues: readonly z.core.$ZodIssue[], at: readonly string[]): string {
  schema ??= configJsonSchema();
  const [first] = issues.flatMap((issue) => describeIssue(issue, schema as JsonSchema));
  if (!first) return 'it has another form';
  const { path, expected, got, suggestion } = first;
  return `${formatPath([...at, ...path])}: expected ${expected}, got ${got}${suggestion ? `. ${suggestion}` : ''}`;
}
