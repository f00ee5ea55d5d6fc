import * as z from 'zod';
import type { AdminContext } from './context.ts';

/** Sent as it comes; the signal ends when the client goes. */
export type Stream =
  /** Lines of JSON, one per item. */
  | { as?: 'lines'; stream: (signal: AbortSignal) => AsyncIterable<unknown> }
  /** Server-sent events with data in JSON. */
  | { as: 'events'; stream: (signal: AbortSignal) => AsyncIterable<{ event: string; id?: string; data: unknown }> };

export interface Call<Query, Body> {
  context: AdminContext;
  /** The text that stands where the path of the route has `{name}`. Throws for a name that the path does not have. */
  param: (name: string) => string;
  query: Query;
  body: Body;
  /** Who asks, as they name themselves; for the events. */
  by: string;
  signal: AbortSignal;
}

/** One endpoint: all that is needed to answer it, to check what comes in, and to describe it. */
export interface Route<Query extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  method: 'GET' | 'POST' | 'DELETE';
  /** `/v1/rollouts/{server}`. */
  path: string;
  summary: string;
  query: Query;
  body: Body | null;
  /** 201 for what comes into being. */
  status?: number;
  answer: (call: Call<z.infer<Query>, z.infer<Body>>) => Promise<unknown> | unknown;
}

const none = z.strictObject({});

/** A GET endpoint. */
export const read = <Query extends z.ZodType>(
  path: string,
  summary: string,
  query: Query,
  answer: Route<Query, z.ZodNull>['answer'],
): Route => ({ method: 'GET', path, summary, query, body: null, answer }) as unknown as Route;

/** A POST endpoint. */
export const act = <Body extends z.ZodType>(
  path: string,
  summary: string,
  body: Body,
  answer: Route<typeof none, Body>['answer'],
  status = 200,
): Route => ({ method: 'POST', path, summary, query: none, body, status, answer }) as unknown as Route;

export const noQuery = none;
/** A number in a query string. */
export const numberText = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
