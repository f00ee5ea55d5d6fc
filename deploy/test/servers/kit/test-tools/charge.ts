import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { DESTRUCTIVE, READ, answer, tool } from '../definition.ts';
import type { Tool } from '../definition.ts';

const delayMs = z.int().min(0).max(600_000).default(0);

/** The tool that must never run twice. The delays give a test time to kill the process before or after it took effect. */
export function charge<S>(): Tool<S> {
  const input = z.object({
    key: z.string().min(1).max(200).describe('What is charged; executions are counted by it.'),
    beforeMs: delayMs.describe('Wait before it takes effect.'),
    afterMs: delayMs.describe('Wait after it took effect, before the answer.'),
  });
  return tool<S, typeof input>({
    name: 'charge',
    description: 'Charges once per call. Not safe to repeat.',
    annotations: DESTRUCTIVE,
    input,
    async run({ key, beforeMs, afterMs }, { replica }) {
      await sleep(beforeMs);
      const here = replica.ledger.record(key);
      await sleep(afterMs);
      return answer({ key, here, replica: replica.name });
    },
  });
}

export function charges<S>(): Tool<S> {
  const input = z.object({ key: z.string().min(1).max(200) });
  return tool<S, typeof input>({
    name: 'charges',
    description: 'How often a key was charged, by this replica and by all.',
    annotations: READ,
    input,
    run: ({ key }, { replica }) =>
      answer({ key, here: replica.ledger.here(key), everywhere: replica.ledger.everywhere(key) }),
  });
}
