import { stringify } from 'yaml';
import { GROUP, OWNED_SETTINGS, PLURAL, VERSION } from '../../control-plane/cluster-servers/mcp-server.ts';
import { configJsonSchema, type JsonSchema } from '../../control-plane/config/json-schema.ts';

const NOTE =
  '# Written by `node deploy/kubernetes/write.ts`: settings are those of the configuration that a namespace’s owner may set (control-plane/cluster-servers/).\n';
const DNS_LABEL = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

/** The custom resource definition of McpServer, as YAML. */
export function mcpServerCrd(): string {
  const server = (configJsonSchema().properties?.['servers']?.items ?? {}) as JsonSchema;
  const settings = Object.fromEntries(OWNED_SETTINGS.map((key) => [key, structural(server.properties?.[key] ?? {})]));
  return NOTE + stringify(definition(settings), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** JSON Schema in the form that Kubernetes takes. Choices between forms are left to the control plane, and so are defaults. */
function structural(schema: JsonSchema): JsonSchema {
  const { description, properties, items, additionalProperties, pattern, minimum, maximum } = schema;
  // Text or null, for example.
  const [type, isNullable] = Array.isArray(schema.type) ? [String(schema.type[0]), true] : [schema.type, false];
  const about = description === undefined ? {} : { description };
  if (type === undefined) {
    const words = schema.enum;
    return words
      ? { ...about, type: 'string', enum: words }
      : { ...about, 'x-kubernetes-preserve-unknown-fields': true };
  }
  return {
    ...about,
    type,
    ...(isNullable && { nullable: true }),
    ...(schema.enum && { enum: schema.enum }),
    ...(pattern !== undefined && { pattern }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(items && { items: structural(items) }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, structural(each)])),
    }),
    ...(typeof additionalProperties === 'object' &&
      !properties && { additionalProperties: structural(additionalProperties) }),
  };
}

const definition = (settings: Record<string, JsonSchema>): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${PLURAL}.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'McpServer', listKind: 'McpServerList', plural: PLURAL, singular: 'mcpserver', shortNames: ['mcp'] },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          column('Server', '.status.server'),
          column('Ready', '.status.conditions[?(@.type=="Ready")].status'),
          column('Replicas', '.status.replicas'),
          column('Slots', '.status.slots', 'integer'),
          column('Problem', '.status.problem'),
          column('Age', '.metadata.creationTimestamp', 'date'),
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: spec(settings),
              status: STATUS,
            },
            'x-kubernetes-validations': [
              rule(
                `has(self.spec.server) || self.metadata.name.matches('${DNS_LABEL}')`,
                'a name with dots or over 63 characters can’t be the server’s: say spec.server',
              ),
            ],
          },
        },
      },
    ],
  },
});

const column = (name: string, jsonPath: string, type = 'string'): object => ({ name, type, jsonPath });
const rule = (text: string, message: string): object => ({ rule: text, message });

const spec = (settings: Record<string, JsonSchema>): object => ({
  type: 'object',
  required: ['backends'],
  'x-kubernetes-validations': [
    rule(
      'self.backends.exists(each, each.weight > 0)',
      'new sessions would have nowhere to go: one backend needs a weight above 0',
    ),
    rule(
      'has(self.server) == has(oldSelf.server) && (!has(self.server) || self.server == oldSelf.server)',
      'the server’s name is in clients’ URLs: make another McpServer',
    ),
  ],
  properties: {
    server: {
      type: 'string',
      pattern: DNS_LABEL,
      maxLength: 63,
      description: 'Name in the mesh; clients reach it at /mcp/NAME. That of the object when absent.',
    },
    backends: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      description: 'Versions of the server, each the replicas of one Service of this namespace.',
      items: {
        type: 'object',
        required: ['service'],
        properties: {
          name: { type: 'string', pattern: DNS_LABEL, maxLength: 63, default: 'stable' },
          service: { type: 'string', minLength: 1, maxLength: 63, description: 'A Service of this namespace.' },
          weight: {
            type: 'integer',
            minimum: 0,
            maximum: 100,
            default: 100,
            description: 'Share of new sessions; 0 keeps its sessions and takes no new ones.',
          },
          port: {
            'x-kubernetes-int-or-string': true,
            description: 'Number or name of the port; the only one when absent.',
          },
          family: { type: 'string', enum: ['IPv4', 'IPv6'], description: 'Of a dual-stack Service; IPv4 when absent.' },
        },
      },
    },
    settings: {
      type: 'object',
      description: 'As in the configuration file below servers[]. What is not here, the file alone may set.',
      properties: settings,
    },
  },
});

const text = { type: 'string' },
  count = { type: 'integer' };
const STATUS = {
  type: 'object',
  properties: {
    observedGeneration: count,
    server: text,
    path: text,
    replicas: { ...text, description: 'healthy/all' },
    healthyReplicas: count,
    allReplicas: count,
    slots: { ...count, description: 'Slots in use: one for each incarnation of a replica.' },
    lostSlots: { ...count, description: 'Slots of replicas that are gone, which sessions may still name.' },
    problem: text,
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
        properties: {
          type: text,
          status: { ...text, enum: ['True', 'False', 'Unknown'] },
          reason: text,
          message: text,
          observedGeneration: count,
          lastTransitionTime: { ...text, format: 'date-time' },
        },
      },
    },
  },
};
