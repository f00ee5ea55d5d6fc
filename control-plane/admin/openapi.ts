import * as z from 'zod';
import { STATUS } from './api-problem.ts';
import type { Route } from './route.ts';

/** The API's description, made from the same table that answers it. OpenAPI 3.1. */
export function openApi(routes: readonly Route[], version: string, hasToken: boolean): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast admin API',
      version,
      description: 'What operators see and do. JSON; listens on loopback unless there is a token.',
    },
    paths,
    components: {
      schemas: {
        Problem: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: { code: { enum: Object.keys(STATUS) }, message: { type: 'string' } },
            },
          },
        },
      },
      ...(hasToken && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
    ...(hasToken && { security: [{ token: [] }] }),
  };
}

function operation({ method, path, summary, query, body, status = 200 }: Route): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => name ?? []);
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return {
    operationId: [method.toLowerCase(), ...path.split('/').filter(Boolean).slice(1)].join('-').replace(/[{}]/g, ''),
    summary,
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(properties).map(([name, schema]) => ({
        name,
        in: 'query',
        required: required.includes(name),
        schema,
      })),
    ],
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' }) } },
      },
    }),
    responses: {
      [status]: { description: 'As the summary says.', content: { 'application/json': { schema: {} } } },
      default: {
        description: 'Refused; `error.message` says why.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}
