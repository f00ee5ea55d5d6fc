import type { Attributes } from './raw-otlp.ts';

type Kind = 'text' | 'number';

interface Convention {
  type: Kind;
  source: string;
  /** The values that are allowed, where they are a closed set here. */
  values?: readonly (string | number)[];
}

const GENAI = 'github.com/open-telemetry/semantic-conventions-genai/blob/main/docs';
const GENERAL = 'opentelemetry.io/docs/specs/semconv/registry/attributes';

const from = (source: string, type: Kind, names: readonly string[]): [string, Convention][] =>
  names.map((name) => [name, { type, source }]);

/** Attributes that OpenTelemetry has published, written down from its pages and not from our code: what spans and records of ours may have beside `holdfast.*`. */
export const CONVENTIONS: ReadonlyMap<string, Convention> = new Map([
  ...from(`${GENAI}/gen-ai/mcp.md`, 'text', [
    'mcp.method.name',
    'mcp.session.id',
    'mcp.protocol.version',
    'mcp.resource.uri',
  ]),
  ...from(`${GENAI}/registry/attributes/gen-ai.md`, 'text', ['gen_ai.tool.name', 'gen_ai.prompt.name']),
  ['gen_ai.operation.name', { type: 'text', source: `${GENAI}/gen-ai/mcp.md`, values: ['execute_tool'] }],
  ...from(`${GENERAL}/jsonrpc/`, 'text', ['jsonrpc.request.id']),
  ...from(`${GENERAL}/enduser/`, 'text', ['enduser.id']),
  ...from(`${GENERAL}/rpc/`, 'text', ['rpc.response.status_code']),
  ...from(`${GENERAL}/error/`, 'text', ['error.type']),
  ...from(`${GENERAL}/http/`, 'text', ['http.request.method']),
  ...from(`${GENERAL}/http/`, 'number', ['http.response.status_code', 'http.request.resend_count']),
  ['network.protocol.name', { type: 'text', source: `${GENERAL}/network/`, values: ['http'] }],
  ['network.transport', { type: 'text', source: `${GENERAL}/network/`, values: ['tcp'] }],
  ...from(`${GENERAL}/server/`, 'text', ['server.address']),
  ...from(`${GENERAL}/server/`, 'number', ['server.port']),
]);

interface NamedSpan {
  name: string;
  kind: string;
  attributes: Attributes;
  hasFailed: boolean;
}

/** What is wrong with attributes of the sidecar by the conventions; empty when nothing is. */
export const attributeProblems = (attributes: Attributes): string[] =>
  Object.entries(attributes).flatMap(([key, value]) => attributeProblem(key, value));

/** What is wrong with a span of the sidecar by the conventions for MCP; empty when nothing is. */
export function conventionProblems({ name, kind, attributes, hasFailed }: NamedSpan): string[] {
  const problems = attributeProblems(attributes);
  if (hasFailed !== (attributes['error.type'] !== undefined))
    problems.push('status and error.type say different things');
  if (kind !== 'internal') problems.push(...nameProblems(name, attributes));
  return problems.map((problem) => `${name}: ${problem}`);
}

function attributeProblem(key: string, value: string | number | boolean): string[] {
  if (key.startsWith('holdfast.')) return [];
  const known = CONVENTIONS.get(key);
  if (!known) return [`no convention has ${key}`];
  if (typeof value !== (known.type === 'text' ? 'string' : 'number')) return [`${key} is ${typeof value}`];
  return known.values && !known.values.includes(value as string) ? [`${key} is ${value}`] : [];
}

function nameProblems(name: string, attributes: Attributes): string[] {
  const method = attributes['mcp.method.name'] ?? attributes['http.request.method'];
  const target = attributes['gen_ai.tool.name'] ?? attributes['gen_ai.prompt.name'];
  const problems: string[] = [];
  if (typeof method !== 'string')
    problems.push('mcp.method.name is required, or http.request.method where there is no message');
  if (name !== (target === undefined ? method : `${method} ${target}`)) problems.push('not {mcp.method.name} {target}');
  if (method === 'tools/call' && attributes['gen_ai.operation.name'] === undefined)
    problems.push('gen_ai.operation.name is missing');
  return problems;
}
