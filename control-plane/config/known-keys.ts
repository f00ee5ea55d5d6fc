import type { JsonSchema } from './json-schema.ts';

function alternatives(schema: JsonSchema): JsonSchema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(alternatives), ...(schema.oneOf ?? []).flatMap(alternatives)];
}

/** The keys that may stand at a path, by the JSON Schema. Empty where anything may. */
export function knownKeys(schema: JsonSchema, path: readonly PropertyKey[]): string[] {
  let here = alternatives(schema);
  for (const part of path) {
    here = here.flatMap((each) => {
      if (typeof part === 'number') return each.items ? alternatives(each.items) : [];
      const property = each.properties?.[String(part)] ?? each.additionalProperties;
      return typeof property === 'object' ? alternatives(property) : [];
    });
  }
  return [...new Set(here.flatMap((each) => Object.keys(each.properties ?? {})))];
}
