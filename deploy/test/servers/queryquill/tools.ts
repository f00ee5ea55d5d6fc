import * as z from 'zod';
import { DESTRUCTIVE, READ, WRITE, answer, tool } from '../kit/definition.ts';
import type { Tool } from '../kit/definition.ts';
import { cities, rows } from './table.ts';
import type { Row } from './table.ts';

/** What each session holds: the rows of its last query, and how far it has read them. */
export interface ResultSet {
  query: string | null;
  rows: readonly Row[];
  position: number;
}
export const RESULT_URI = 'result:///mine';

const queryInput = z.object({
  city: z
    .enum(cities as [string, ...string[]])
    .optional()
    .describe('Only rows of this city.'),
  minAmount: z.int().min(0).optional().describe('Only rows with at least this amount.'),
});
const pageInput = z.object({ size: z.int().min(1).max(500).default(10) });

export const queryTools: Tool<ResultSet>[] = [
  tool<ResultSet, typeof queryInput>({
    name: 'run_query',
    description: 'Runs a query and keeps its rows in this session.',
    annotations: { ...WRITE, idempotentHint: true },
    input: queryInput,
    run({ city, minAmount }, { state, replica, subscriptions, server }) {
      state.query = JSON.stringify({ city, minAmount });
      state.rows = rows.filter((row) => (city === undefined || row.city === city) && row.amount >= (minAmount ?? 0));
      state.position = 0;
      if (subscriptions.has(RESULT_URI)) void server.sendResourceUpdated({ uri: RESULT_URI });
      return answer({ count: state.rows.length, replica: replica.name });
    },
  }),
  tool<ResultSet, typeof pageInput>({
    name: 'next_page',
    description: 'Reads the next rows of the last query.',
    annotations: WRITE,
    input: pageInput,
    run({ size }, { state, replica }) {
      if (state.query === null)
        return { content: [{ type: 'text', text: 'There is no result yet: call run_query first' }], isError: true };
      const page = state.rows.slice(state.position, state.position + size);
      state.position += page.length;
      return answer({
        rows: page,
        position: state.position,
        isLast: state.position >= state.rows.length,
        replica: replica.name,
      });
    },
  }),
  tool<ResultSet, z.ZodObject>({
    name: 'result',
    description: 'Describes the result that this session holds.',
    annotations: READ,
    input: z.object({}),
    run: (_args, { state, replica }) =>
      answer({ query: state.query, count: state.rows.length, position: state.position, replica: replica.name }),
  }),
  tool<ResultSet, z.ZodObject>({
    name: 'drop_result',
    description: 'Forgets the result.',
    annotations: { ...DESTRUCTIVE, idempotentHint: true },
    input: z.object({}),
    run(_args, { state }) {
      Object.assign(state, { query: null, rows: [], position: 0 });
      return answer({ query: null });
    },
  }),
];
