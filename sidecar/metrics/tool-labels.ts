/** Most tools of one server that get a series of their own. */
const MAX_TOOLS = 100;
const MAX_NAME_LENGTH = 128;

/**
 * Which tool names may be label values: those that the server itself listed. Names in requests come from clients and models, who
 * invent some; they count as `other`.
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

  forget(server: string): void { this.#servers.delete(server); }

  label(server: string, tool: string): string {
    return this.#servers.get(server)?.has(tool) ? tool : 'other';
  }
}
