import type { ServerTool } from '../../proto/server-tool.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import type { BackendWeight, PolicyContent } from './topology.ts';

export type Read<T> = { kind: 'good'; value: T } | { kind: 'bad'; problem: string };

interface WirePolicy {
  name?: string;
  policy?: Record<string, unknown>;
  lost_slots?: string[];
  backends?: Partial<BackendWeight>[];
  tools?: { name?: string; is_read_only?: boolean; is_idempotent?: boolean }[];
  are_tools_known?: boolean;
}

/**
 * A holdfast.v1.ServerPolicy resource. Keys that this version does not know are left out at every depth, so a newer
 * control plane may serve an older sidecar. A value that does not fit is a refusal, and the last good policy stays.
 */
export function readPolicy(name: string, resource: object): Read<PolicyContent> {
  const wire = resource as WirePolicy;
  const policy: unknown = structuredClone(wire.policy ?? {});
  for (;;) {
    const parsed = serverPolicySchema.safeParse(policy);
    if (parsed.success) {
      if (parsed.data.name !== name) return { kind: 'bad', problem: `policy of ${name} says name ${parsed.data.name}` };
      const backends = (wire.backends ?? []).map((backend) => ({
        name: backend.name ?? '',
        weight: backend.weight ?? 0,
      }));
      const value = { policy: parsed.data, lostSlots: wire.lost_slots ?? [], backends, tools: readTools(wire) };
      return { kind: 'good', value };
    }
    let dropped = 0;
    for (const issue of parsed.error.issues)
      if (issue.code === 'unrecognized_keys') dropped += drop(policy, issue.path, issue.keys);
    if (dropped === 0)
      return {
        kind: 'bad',
        problem: `policy of ${name}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
      };
  }
}

/** Null when the control plane does not know them, or is of a version that does not tell. */
const readTools = ({ tools = [], are_tools_known: areKnown }: WirePolicy): ServerTool[] | null =>
  areKnown === true
    ? tools.map(({ name = '', is_read_only: isReadOnly = false, is_idempotent: isIdempotent = false }) => ({
        name,
        isReadOnly,
        isIdempotent,
      }))
    : null;

function drop(root: unknown, path: readonly PropertyKey[], keys: readonly string[]): number {
  let place = root as Record<PropertyKey, unknown>;
  for (const step of path) place = place[step] as Record<PropertyKey, unknown>;
  return keys.filter((key) => delete place[key]).length;
}
