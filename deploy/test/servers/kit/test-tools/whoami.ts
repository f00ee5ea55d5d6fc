import * as z from 'zod';
import { READ, answer, tool } from '../definition.ts';
import type { Tool } from '../definition.ts';

/** Which process and which of its sessions this request met: the proof of affinity, and of what a recovery rebuilt. */
export function whoami<S>(): Tool<S> {
  return tool<S, z.ZodObject>({
    name: 'whoami',
    description: 'Says which replica and session answered, and what the session holds.',
    annotations: READ,
    input: z.object({}),
    run: (_args, session) =>
      answer({
        replica: { name: session.replica.name, port: session.replica.port, pid: process.pid },
        sessionId: session.id ?? null,
        sessionRequests: session.requests,
        hasInitialized: session.hasInitialized,
        logLevel: session.logLevel,
        subscriptions: [...session.subscriptions].sort(),
        client: session.server.getClientVersion() ?? null,
        clientCapabilities: session.server.getClientCapabilities() ?? null,
        counters: { ...session.replica.counters },
      }),
  });
}
