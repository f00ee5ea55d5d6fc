import * as z from 'zod';
import { DESTRUCTIVE, IDEMPOTENT_WRITE, READ, WRITE, answer, tool } from '../kit/definition.ts';
import type { Tool } from '../kit/definition.ts';
import { CART_URI, ISSUES_MAX, issueUri, issues, newIssue } from './issue.ts';

/** What each session holds: the issues that its user is working with. */
export interface Cart {
  ids: string[];
}

const id = z.string().regex(/^ENG-\d+$/, 'an issue id such as ENG-1');
const CART_MAX = 1000;
const missing = (which: string) => ({
  content: [{ type: 'text' as const, text: `There is no issue ${which}` }],
  isError: true,
});

const listInput = z.object({ state: z.enum(['open', 'started', 'done']).optional() });
const createInput = z.object({
  title: z.string().min(1).max(200),
  labels: z.array(z.string().max(50)).max(20).default([]),
});
const updateInput = z.object({
  id,
  title: z.string().min(1).max(200).optional(),
  state: z.enum(['open', 'started', 'done']).optional(),
});
const idInput = z.object({ id });

export const issueTools: Tool<Cart>[] = [
  tool<Cart, typeof listInput>({
    name: 'list_issues',
    description: 'Lists issues, all or of one state.',
    annotations: READ,
    input: listInput,
    run: ({ state }) =>
      answer({ issues: [...issues.values()].filter((issue) => state === undefined || issue.state === state) }),
  }),
  tool<Cart, typeof createInput>({
    name: 'create_issue',
    description: 'Creates an issue.',
    annotations: WRITE,
    input: createInput,
    run({ title, labels }, { replica }) {
      if (issues.size >= ISSUES_MAX)
        return { content: [{ type: 'text', text: `The tracker is full: ${ISSUES_MAX} issues` }], isError: true };
      const issue = newIssue(title, labels);
      replica.listChanged('resources');
      return answer({ issue });
    },
  }),
  tool<Cart, typeof updateInput>({
    name: 'update_issue',
    description: 'Changes title or state of an issue.',
    annotations: IDEMPOTENT_WRITE,
    input: updateInput,
    run({ id: which, ...changes }, { replica }) {
      const issue = issues.get(which);
      if (!issue) return missing(which);
      Object.assign(issue, changes);
      replica.updated(issueUri(which));
      return answer({ issue });
    },
  }),
  tool<Cart, typeof idInput>({
    name: 'delete_issue',
    description: 'Deletes an issue for good.',
    annotations: DESTRUCTIVE,
    input: idInput,
    run({ id: which }, { replica }) {
      if (!issues.delete(which)) return missing(which);
      replica.listChanged('resources');
      return answer({ deleted: which });
    },
  }),
];

export const cartTools: Tool<Cart>[] = [
  tool<Cart, typeof idInput>({
    name: 'cart_add',
    description: 'Puts an issue into this session’s cart.',
    annotations: WRITE,
    input: idInput,
    run({ id: which }, { state, replica, subscriptions, server }) {
      if (state.ids.length >= CART_MAX)
        return { content: [{ type: 'text', text: `The cart is full: ${CART_MAX} issues` }], isError: true };
      state.ids.push(which);
      // Every session has its own cart: only this one is told.
      if (subscriptions.has(CART_URI)) void server.sendResourceUpdated({ uri: CART_URI });
      return answer({ cart: state.ids, replica: replica.name });
    },
  }),
  tool<Cart, z.ZodObject>({
    name: 'cart',
    description: 'Shows this session’s cart.',
    annotations: READ,
    input: z.object({}),
    run: (_args, { state, replica }) => answer({ cart: state.ids, replica: replica.name }),
  }),
  tool<Cart, z.ZodObject>({
    name: 'cart_clear',
    description: 'Empties this session’s cart.',
    annotations: { ...DESTRUCTIVE, idempotentHint: true },
    input: z.object({}),
    run(_args, { state }) {
      state.ids = [];
      return answer({ cart: [] });
    },
  }),
];
