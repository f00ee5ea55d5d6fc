import { ENVIRONMENT } from '../settings.ts';
import { nearest } from './nearest.ts';
import { showValue, type Problem } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

export interface Overlay {
  /** Values by configuration path, read from the environment; they win over the file. */
  values: Map<string, { name: string; value: unknown }>;
  problems: Problem[];
}

type Reading = { value: unknown } | { expected: string };

function readBoolean(text: string): Reading {
  if (TRUE.has(text.toLowerCase())) return { value: true };
  return FALSE.has(text.toLowerCase()) ? { value: false } : { expected: 'true or false' };
}

/** The value of a variable, or what was expected in its place. */
function readValue(kind: (typeof ENVIRONMENT)[number]['kind'], text: string): Reading {
  switch (kind) {
    case 'text':
      return { value: text };
    case 'list': {
      const parts = text.split(',').map((part) => part.trim());
      return { value: parts.filter((part) => part !== '') };
    }
    case 'number':
      return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? { value: Number(text) } : { expected: 'a number' };
    case 'boolean':
      return readBoolean(text);
  }
}

/** Reads the environment variables of `proto/settings.ts`. An empty variable counts as absent, as compose files make them. */
export function readEnvironment(env: Environment): Overlay {
  const values: Overlay['values'] = new Map();
  const problems: Problem[] = [];
  const bad = (name: string, expected: string, got: string, suggestion: string | null = null) =>
    problems.push({ path: name, line: null, column: null, expected, got: showValue(got), suggestion });
  for (const { name, path, kind, description } of ENVIRONMENT) {
    const text = env[name]?.trim();
    if (text === undefined || text === '') continue;
    const reading = readValue(kind, text);
    if ('value' in reading) values.set(path, { name, value: reading.value });
    else bad(name, `${reading.expected} (${description})`, text);
  }
  const names = ENVIRONMENT.map((each) => each.name);
  for (const name of Object.keys(env)) {
    if (!/^(HA|LB|CIRCUIT_BREAKER|SESSION)_/.test(name) || names.includes(name)) continue;
    const meant = nearest(name, names);
    // Foreign variables may share a prefix: only a near miss is worth stopping for.
    if (meant) bad(name, 'one of the names of the README’s table', env[name] ?? '', `Did you mean ${meant}?`);
  }
  return { values, problems };
}

/** Writes the environment's values over the raw configuration. Parents that are missing are made; ones that are not mappings are left to the schema. */
export function overlay(raw: Record<string, unknown>, values: Overlay['values']): void {
  for (const [path, { value }] of values) {
    const parents = path.split('.'),
      last = parents.pop() ?? path,
      at = parents.reduce<Record<string, unknown> | null>(childOf, raw);
    if (at) at[last] = value;
  }
}

/** The mapping under a key, made when it is missing; null when there is something else. */
function childOf(parent: Record<string, unknown> | null, key: string): Record<string, unknown> | null {
  if (!parent) return null;
  parent[key] ??= {};
  const child = parent[key];
  return isMapping(child) ? child : null;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
