import { createHash } from 'node:crypto';
import type { ServerTopology } from '../topology/topology.ts';

/** Our own resource: what a sidecar must know of one server besides its endpoints. */
export function policyResource(server: ServerTopology): object {
  const content = {
    policy: server.policy,
    lost_slots: server.lostSlots,
    backends: server.backends.map(({ name, weight }) => ({ name, weight })),
    ...(server.tools && {
      are_tools_known: true,
      tools: server.tools.map(({ name, isReadOnly, isIdempotent }) => ({
        name,
        ...(isReadOnly && { is_read_only: true }),
        ...(isIdempotent && { is_idempotent: true }),
      })),
    }),
  };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
  return { name: server.name, version, ...content };
}
