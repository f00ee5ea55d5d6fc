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

/** Reads the environment variables of `proto/settings.ts`. An empty variable counts as absent, as compose files make them. */
export function readEnvironment(env: Environment): Overlay {
  const values: Overlay['values'] = new Map();
  const problems: Problem[] = [];
  const bad = (name: string, expected: string, got: string, suggestion: string | null = null) =>
    problems.push({ path: name, line: null, column: null, expected, got: showValue(got), suggestion });
  for (const { name, path, kind, says } of ENVIRONMENT) {
    const text = env[name]?.trim();
    if (text === undefined || text === '') continue;
    if (kind === 'text') values.set(path, { name, value: text });
    else if (kind === 'list')
      values.set(path, {
        name,
        value: text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      });
    else if (kind === 'number') {
      if (/^-?[0-9]+(\.[0-9]+)?$/.test(text)) values.set(path, { name, value: Number(text) });
      else bad(name, `a number (${says})`, text);
    } else if (TRUE.has(text.toLowerCase())) values.set(path, { name, value: true });
    else if (FALSE.has(text.toLowerCase())) values.set(path, { name, value: false });
    else bad(name, `true or false (${says})`, text);
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
    const parts = path.split('.');
    const last = parts.pop()!;
    let at: Record<string, unknown> = raw;
    for (const part of parts) {
      const next = (at[part] ??= {});
      if (typeof next !== 'object' || next === null || Array.isArray(next)) break;
      at = next as Record<string, unknown>;
    }
    at[last] = value;
  }
}
