import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { STATUS, type ProblemCode } from './api-problem.ts';
import type { Route } from './route.ts';

const problemSchema = z
  .object({ error: z.object({ code: z.enum(Object.keys(STATUS) as ProblemCode[]), message: z.string() }) })
  .describe('Refused; `error.message` says why.');

/** The description of the whole API, for @fastify/swagger: it is made from the routes that answer. OpenAPI 3.1. */
export const openApiOptions = (version: string, hasToken: boolean): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast admin API',
      version,
      description: 'What operators see and do. JSON; listens on loopback unless there is a token.',
    },
    ...(hasToken && {
      components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
      security: [{ token: [] }],
    }),
  },
  transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } }),
});

/** What one route takes and gives: fastify checks requests by it, and describes it. */
export function schemaOf({ method, path, summary, query, body, status = 200 }: Route): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => name ?? []);
  return {
    operationId: [method.toLowerCase(), ...path.split('/').filter(Boolean).slice(1)].join('-').replace(/[{}]/g, ''),
    summary,
    ...(names.length > 0 && { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) }),
    querystring: query,
    ...(body && { body }),
    response: { [status]: z.any().describe('As the summary says.'), default: problemSchema },
  };
}
