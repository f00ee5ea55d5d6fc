/**
 * A tool that a server lists, with its `annotations`; false when it says nothing. The control plane's probes hold each
 * replica's list and send it with the server's policy. So every gateway knows a tool before a client has asked for it.
 */
export interface ServerTool {
  name: string;
  isReadOnly: boolean;
  isIdempotent: boolean;
}

/** Longest name of a tool, as the specification has it. A tool with a longer one counts as not listed. */
export const MAX_TOOL_NAME_LENGTH = 128;
/** Tools of one server that anything of the mesh remembers; those beyond, in the server's own order, count as not listed. */
export const MAX_SERVER_TOOLS = 5000;

/** One entry of a `tools/list` result; null when it is none, or its name is too long. */
export function readServerTool(listed: unknown): ServerTool | null {
  if (typeof listed !== 'object' || listed === null) return null;
  const { name, annotations } = listed as { name?: unknown; annotations?: unknown };
  if (typeof name !== 'string' || name === '' || name.length > MAX_TOOL_NAME_LENGTH) return null;
  const hints = (typeof annotations === 'object' && annotations !== null ? annotations : {}) as Record<string, unknown>;
  return { name, isReadOnly: hints['readOnlyHint'] === true, isIdempotent: hints['idempotentHint'] === true };
}

/**
 * The tools of a server from the lists of its replicas: each tool that any of them has, sorted by name. Replicas of two versions may say
 * different things of a tool; then it is only what all that list it say.
 */
export function mergeServerTools(lists: Iterable<readonly unknown[]>): ServerTool[] {
  const merged = new Map<string, ServerTool>();
  for (const list of lists) {
    for (const listed of list) {
      const tool = readServerTool(listed);
      if (!tool) continue;
      const known = merged.get(tool.name);
      if (known) {
        known.isReadOnly &&= tool.isReadOnly;
        known.isIdempotent &&= tool.isIdempotent;
      } else if (merged.size < MAX_SERVER_TOOLS) merged.set(tool.name, tool);
    }
  }
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
