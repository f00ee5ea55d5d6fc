import type { PromptDefinition, ServerDefinition } from '../kit/definition.ts';
import { testTools } from '../kit/test-tools/test-tools.ts';
import { cities, columns } from './table.ts';
import { RESULT_URI, queryTools } from './tools.ts';
import type { ResultSet } from './tools.ts';

const SCHEMA_URI = 'schema:///sales';

const explain: PromptDefinition<ResultSet> = {
  name: 'explain',
  description: 'Asks for an explanation of the session’s result.',
  arguments: [{ name: 'city', description: 'The city to look at', required: false }],
  get({ city = 'all cities' }, { state }) {
    return {
      messages: [{ role: 'user', content: { type: 'text', text: `Explain ${state.rows.length} rows of ${city}` } }],
    };
  },
};

const jsonContents = (uri: string, value: unknown) => ({
  contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(value) }],
});

/** A query workbench: the table is the same everywhere, the result set is the session's. */
export const queryquill: ServerDefinition<ResultSet> = {
  name: 'queryquill',
  instructions: 'A query workbench. run_query keeps its rows in the session; next_page reads them.',
  newState: () => ({ query: null, rows: [], position: 0 }),
  tools: [...queryTools, ...testTools<ResultSet>()],
  prompts: [explain],
  templates: [],
  resources: () => [
    { uri: RESULT_URI, name: 'result', mimeType: 'application/json', description: 'This session’s result' },
    { uri: SCHEMA_URI, name: 'schema', mimeType: 'application/json', description: 'Columns of the table' },
  ],
  read(uri, { state }) {
    if (uri === RESULT_URI) return jsonContents(uri, { query: state.query, rows: state.rows });
    return uri === SCHEMA_URI ? jsonContents(uri, { columns }) : undefined;
  },
  complete: (argument) => (argument === 'city' ? cities : []),
};
