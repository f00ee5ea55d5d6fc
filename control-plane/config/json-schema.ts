import * as z from 'zod';
import { configSchema } from './config-schema.ts';

export interface JsonSchema {
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  [more: string]: unknown;
}

/** JSON Schema of the configuration file as a person writes it (defaults optional), for editors and `holdfast schema`. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    target: 'draft-2020-12',
    unrepresentable: 'any',
  }) as JsonSchema;
  return { ...schema, title: 'Holdfast configuration' };
}
