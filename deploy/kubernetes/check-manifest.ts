import * as kubernetes from '@kubernetes/client-node';
import { CERTIFICATE_MODELS } from './certificate-types.ts';
import { MONITOR_MODELS } from './monitor-types.ts';

export interface Attribute {
  baseName: string;
  type: string;
}
type Model = { getAttributeTypeMap(): Attribute[] };

/** Kinds by group and version, as Kubernetes' own published types name them, the Prometheus operator's (monitor-types.ts) and cert-manager's (certificate-types.ts). */
const GROUPS: Record<string, string> = {
  v1: 'V1',
  'apps/v1': 'V1',
  'batch/v1': 'V1',
  'policy/v1': 'V1',
  'networking.k8s.io/v1': 'V1',
  'rbac.authorization.k8s.io/v1': 'V1',
  'cert-manager.io/v1': 'CertManager',
  'monitoring.coreos.com/v1': 'Prometheus',
};
const models = kubernetes as unknown as Record<string, Model | undefined>;
/** Names that the generated models give to types of several groups. */
const ALIASES: Record<string, string> = { V1Subject: 'RbacV1Subject' };

/** What is wrong with a manifest by the published types: unknown fields and values of another kind. What is required and which words are allowed is not in them. Empty: nothing. */
export function checkManifest(manifest: unknown): string[] {
  const { apiVersion, kind, metadata } = (manifest ?? {}) as {
    apiVersion?: string;
    kind?: string;
    metadata?: { name?: string };
  };
  const prefix = GROUPS[apiVersion ?? ''];
  const model = prefix === undefined ? undefined : modelOf(`${prefix}${kind}`);
  if (!model) return [`${apiVersion} ${kind}: not a type of Kubernetes`];
  const found: string[] = [];
  if (!metadata?.name) found.push(`${kind}: it has no name`);
  walk(manifest, `${prefix}${kind}`, `${kind} ${metadata?.name}`, found);
  return found;
}

const modelOf = (type: string): Model | undefined =>
  MONITOR_MODELS[type] ?? CERTIFICATE_MODELS[type] ?? models[ALIASES[type] ?? type];

function walk(value: unknown, type: string, path: string, found: string[]): void {
  const array = /^Array<(.*)>$/.exec(type),
    map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (array) {
    if (!Array.isArray(value)) found.push(`${path}: expected a list`);
    else value.forEach((each, index) => walk(each, array[1]!, `${path}[${index}]`, found));
    return;
  }
  if (map) {
    if (!isMapping(value)) found.push(`${path}: expected a mapping`);
    else for (const [key, each] of Object.entries(value)) walk(each, map[1]!, `${path}.${key}`, found);
    return;
  }
  if (type === 'string' || type === 'number' || type === 'boolean') {
    if (typeof value !== type) found.push(`${path}: expected a ${type}, not ${JSON.stringify(value)}`);
    return;
  }
  if (type === 'IntOrString') {
    if (typeof value !== 'string' && typeof value !== 'number') found.push(`${path}: expected a number or a name`);
    return;
  }
  if (type === 'any' || type === 'Date' || type === 'V1MicroTime') return;
  const attributes = modelOf(type)?.getAttributeTypeMap();
  if (!attributes) {
    found.push(`${path}: no published type ${type}`);
    return;
  }
  if (!isMapping(value)) {
    found.push(`${path}: expected a mapping`);
    return;
  }
  for (const [key, each] of Object.entries(value)) {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (attribute) walk(each, attribute.type, `${path}.${key}`, found);
    else found.push(`${path}.${key}: no such field`);
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
