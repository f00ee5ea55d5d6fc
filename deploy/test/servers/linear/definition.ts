import type { PromptDefinition, ServerDefinition, Session } from '../kit/definition.ts';
import { testTools } from '../kit/test-tools/test-tools.ts';
import { CART_URI, issueUri, issues } from './issue.ts';
import { cartTools, issueTools } from './tools.ts';
import type { Cart } from './tools.ts';

const triage: PromptDefinition<Cart> = {
  name: 'triage',
  description: 'Asks for a plan for one issue.',
  arguments: [{ name: 'id', description: 'The issue', required: true }],
  get({ id = '' }) {
    const text = `Propose the next step for ${id}: ${issues.get(id)?.title ?? 'unknown'}`;
    return { messages: [{ role: 'user', content: { type: 'text', text } }] };
  },
};

const jsonContents = (uri: string, value: unknown) => ({
  contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(value) }],
});

/** An issue tracker: issues are the process's, the cart is the session's. */
export const linear: ServerDefinition<Cart> = {
  name: 'linear',
  instructions: 'An issue tracker. Put issues into the cart to work with them.',
  newState: () => ({ ids: [] }),
  tools: [...issueTools, ...cartTools, ...testTools<Cart>()],
  prompts: [triage],
  templates: [{ name: 'issue', uriTemplate: 'issue:///{id}', mimeType: 'application/json', description: 'One issue' }],
  resources: () => [
    { uri: CART_URI, name: 'cart', mimeType: 'application/json', description: 'This session’s cart' },
    ...[...issues.values()]
      .slice(0, 100)
      .map(({ id, title }) => ({ uri: issueUri(id), name: id, title, mimeType: 'application/json' })),
  ],
  read(uri, { state }: Session<Cart>) {
    if (uri === CART_URI) return jsonContents(uri, state.ids);
    const issue = issues.get(uri.replace('issue:///', ''));
    return issue && uri === issueUri(issue.id) ? jsonContents(uri, issue) : undefined;
  },
  complete: (argument) => (argument === 'id' ? [...issues.keys()] : []),
};
