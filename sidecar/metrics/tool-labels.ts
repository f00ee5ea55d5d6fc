/** Most tools of one server that get a series of their own. */
const MAX_TOOLS = 100;
const MAX_NAME_LENGTH = 128;

/**
 * Which tool names may be label values: those that the server itself listed, or that it answered well (lists of servers without guarded calls
 * never pass the sidecar). Names in requests come from clients and models, who invent some; they count as `other`.
 */
export class ToolLabels {
  readonly #servers = new Map<string, Set<string>>();

  /** Takes a server's tools/list as it is now; the first {@link MAX_TOOLS} names count. */
  learn(server: string, tools: Iterable<string>): void {
    const known = new Set<string>();
    for (const tool of tools) {
      if (known.size >= MAX_TOOLS) break;
      if (tool.length <= MAX_NAME_LENGTH) known.add(tool);
    }
    this.#servers.set(server, known);
  }

  forget(server: string): void {
    this.#servers.delete(server);
  }

  /** `isAnswered`: the server gave this call a result, so the tool exists. */
  label(server: string, tool: string, isAnswered: boolean): string {
    let known = this.#servers.get(server);
    if (known?.has(tool)) return tool;
    if (!isAnswered || tool.length > MAX_NAME_LENGTH || (known && known.size >= MAX_TOOLS)) return 'other';
    if (!known) this.#servers.set(server, (known = new Set()));
    known.add(tool);
    return tool;
  }
}
