import { LoggingLevelSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { IDEMPOTENT_WRITE, answer, tool } from '../definition.ts';
import type { Tool } from '../definition.ts';
import { logMessage } from '../log-message.ts';

/** Makes the replica tell all of its sessions that a list changed. */
export function announce<S>(): Tool<S> {
  const input = z.object({ list: z.enum(['tools', 'resources', 'prompts']) });
  return tool<S, typeof input>({
    name: 'announce',
    description: 'Sends list_changed to every session of the replica.',
    annotations: IDEMPOTENT_WRITE,
    input,
    run({ list }, { replica }) {
      replica.listChanged(list);
      return answer({ announced: list });
    },
  });
}

/** Sends a log message to this session, as far as its level lets it. */
export function say<S>(): Tool<S> {
  const input = z.object({ level: z.enum(LoggingLevelSchema.options), message: z.string().max(10_000) });
  return tool<S, typeof input>({
    name: 'say',
    description: 'Sends a log message on the session’s GET stream.',
    annotations: IDEMPOTENT_WRITE,
    input,
    run: async ({ level, message }, session) => answer({ wasSent: await logMessage(session, level, message) }),
  });
}
