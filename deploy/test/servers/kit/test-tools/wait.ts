import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { READ, WRITE, answer, tool } from '../definition.ts';
import type { Tool } from '../definition.ts';

const input = z.object({
  durationMs: z.int().min(0).max(600_000),
  steps: z
    .int()
    .min(1)
    .max(10_000)
    .default(5)
    .describe('Progress notifications on the way, when the caller gave a progress token.'),
});

/** Slow and silent; safe to repeat. */
export function wait<S>(): Tool<S> {
  const silent = input.omit({ steps: true });
  return tool<S, typeof silent>({
    name: 'wait',
    description: 'Answers after the given time.',
    annotations: READ,
    input: silent,
    async run({ durationMs }, { replica }, { signal }) {
      await sleep(durationMs, undefined, { signal });
      return answer({ waitedMs: durationMs, replica: replica.name });
    },
  });
}

/** Slow, with progress on the answer's stream; `work` may not be repeated, `watch` may. */
export function progress<S>(name: 'work' | 'watch'): Tool<S> {
  return tool<S, typeof input>({
    name,
    description: 'Streams progress for the given time, then answers.',
    annotations: name === 'work' ? WRITE : READ,
    input,
    async run({ durationMs, steps }, { replica }, { signal, sendNotification, _meta }) {
      for (let step = 1; step <= steps; step += 1) {
        const progressToken = _meta?.progressToken;
        if (progressToken !== undefined)
          await sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: step, total: steps, message: `${step} of ${steps}` },
          });
        // After the notification: official clients drop one that arrives together with the answer.
        await sleep(durationMs / steps, undefined, { signal });
      }
      return answer({ steps, replica: replica.name });
    },
  });
}
