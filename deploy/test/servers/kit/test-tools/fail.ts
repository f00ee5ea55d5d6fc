import * as z from 'zod';
import { READ, WRITE, answer, tool } from '../definition.ts';
import type { Tool } from '../definition.ts';

/** Fails the way a tool should: a result with `isError`. */
export function fail<S>(): Tool<S> {
  const input = z.object({ message: z.string().max(1000).default('It did not work') });
  return tool<S, typeof input>({
    name: 'fail',
    description: 'Answers with a tool error.',
    annotations: READ,
    input,
    run: ({ message }) => ({ content: [{ type: 'text', text: message }], isError: true }),
  });
}

/** Fails the way a bug does: JSON-RPC error -32603. */
export function explode<S>(): Tool<S> {
  const input = z.object({});
  return tool<S, typeof input>({
    name: 'throw',
    description: 'Throws: the answer is JSON-RPC error -32603.',
    annotations: WRITE,
    input,
    run() {
      throw new Error('Thrown on purpose');
    },
  });
}

/** A large answer, to see that nothing on the way cuts it. */
export function blob<S>(): Tool<S> {
  const input = z.object({
    bytes: z
      .int()
      .min(0)
      .max(20 << 20),
  });
  return tool<S, typeof input>({
    name: 'blob',
    description: 'Answers with a text of the given length.',
    annotations: READ,
    input,
    run: ({ bytes }) => ({ content: [{ type: 'text', text: 'x'.repeat(bytes) }] }),
  });
}

export function echo<S>(): Tool<S> {
  const input = z.object({ text: z.string() });
  return tool<S, typeof input>({
    name: 'echo',
    description: 'Answers with what it was given.',
    annotations: READ,
    input,
    run: ({ text }) => answer({ text }),
  });
}
