import * as kubernetes from '@kubernetes/client-node';
import * as prometheus from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import * as admission from 'kubernetes-models/admissionregistration.k8s.io/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as batch from 'kubernetes-models/batch/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as rbac from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import * as core from 'kubernetes-models/v1';
import type { Attribute } from './attribute.ts';
import { CERTIFICATE_MODELS } from './certificate-types.ts';
import { MONITOR_MODELS } from './monitor-types.ts';

type Model = { getAttributeTypeMap(): Attribute[] };

/** Kinds by group and version, as Kubernetes' own published types name them, the Prometheus operator's (monitor-types.ts) and cert-manager's (certificate-types.ts). */
const GROUPS: Record<string, string> = {
  v1: 'V1',
  'apps/v1': 'V1',
  'batch/v1': 'V1',
  'policy/v1': 'V1',
  'admissionregistration.k8s.io/v1': 'V1',
  'networking.k8s.io/v1': 'V1',
  'rbac.authorization.k8s.io/v1': 'V1',
  'cert-manager.io/v1': 'CertManager',
  'monitoring.coreos.com/v1': 'Prometheus',
};
const models = kubernetes as unknown as Record<string, Model | undefined>;
/** Names that the generated models give to types of several groups. */
const ALIASES: Record<string, string> = {
  V1Subject: 'RbacV1Subject',
  V1ServiceReference: 'AdmissionregistrationV1ServiceReference',
  V1WebhookClientConfig: 'AdmissionregistrationV1WebhookClientConfig',
};

/** Classes that validate a manifest: required fields and allowed words too, but not unknown fields. cert-manager's are not among them. */
const VALIDATORS: Record<string, object> = {
  v1: core,
  'apps/v1': apps,
  'batch/v1': batch,
  'policy/v1': policy,
  'admissionregistration.k8s.io/v1': admission,
  'networking.k8s.io/v1': networking,
  'rbac.authorization.k8s.io/v1': rbac,
  'monitoring.coreos.com/v1': prometheus,
};
type Validator = new (manifest: unknown) => { validate(): void };

/**
 * What is wrong with a manifest by the published types. Empty: nothing. The models of Kubernetes' own client know each field and its kind.
 * The models of `kubernetes-models` know which fields are required, and which words are allowed.
 */
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
  // A value of another kind was said already, in plainer words.
  return found.length > 0 ? found : missing(manifest, apiVersion ?? '', kind ?? '');
}

/** What is required and not there, or a word that is not allowed. */
function missing(manifest: unknown, apiVersion: string, kind: string): string[] {
  const Model = (VALIDATORS[apiVersion] as Record<string, Validator> | undefined)?.[kind];
  if (!Model) return [];
  try {
    new Model(manifest).validate();
    return [];
  } catch (error) {
    return [`${kind}: ${(error as Error).message}`];
  }
}

const modelOf = (type: string): Model | undefined =>
  MONITOR_MODELS[type] ?? CERTIFICATE_MODELS[type] ?? models[ALIASES[type] ?? type];

const ANY: ReadonlySet<string> = new Set(['any', 'Date', 'V1MicroTime']);
const SCALARS: ReadonlySet<string> = new Set(['string', 'number', 'boolean']);

function walk(value: unknown, type: string, path: string, found: string[]): void {
  const item = /^Array<(.*)>$/.exec(type)?.[1],
    member = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (ANY.has(type)) return;
  if (item !== undefined) walkList(value, item, path, found);
  else if (member !== undefined) walkFields(value, () => member, path, found);
  else if (SCALARS.has(type)) {
    if (typeof value !== type) found.push(`${path}: expected a ${type}, not ${JSON.stringify(value)}`);
  } else if (type === 'IntOrString') {
    if (typeof value !== 'string' && typeof value !== 'number') found.push(`${path}: expected a number or a name`);
  } else walkObject(value, type, path, found);
}

function walkList(value: unknown, type: string, path: string, found: string[]): void {
  if (!Array.isArray(value)) found.push(`${path}: expected a list`);
  else for (const [index, each] of value.entries()) walk(each, type, `${path}[${index}]`, found);
}

function walkObject(value: unknown, type: string, path: string, found: string[]): void {
  const attributes = modelOf(type)?.getAttributeTypeMap();
  if (attributes) walkFields(value, (key) => attributes.find(({ baseName }) => baseName === key)?.type, path, found);
  else found.push(`${path}: no published type ${type}`);
}

function walkFields(value: unknown, typeOf: (key: string) => string | undefined, path: string, found: string[]): void {
  if (!isMapping(value)) {
    found.push(`${path}: expected a mapping`);
    return;
  }
  for (const [key, each] of Object.entries(value)) {
    const type = typeOf(key);
    if (type === undefined) found.push(`${path}.${key}: no such field`);
    else walk(each, type, `${path}.${key}`, found);
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
