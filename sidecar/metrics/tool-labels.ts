import { MAX_SERVER_TOOLS, MAX_TOOL_NAME_LENGTH } from '../../proto/server-tool.ts';

/** Most tools of one server that ever get a series of their own. */
const MAX_LABELS = 100;

interface KnownTools {
  /** From the server's policy: what the control plane's probes were told. */
  listed: ReadonlySet<string>;
  /** From the tools/list answers that passed here: some users see tools that a probe does not. */
  learned: ReadonlySet<string>;
  labels: Set<string>;
}

/**
 * The tools that each server lists. Names in requests come from clients and models, who invent some. A name that its
 * server does not list is no label and has no breaker; it counts as `other`.
 */
export class ToolLabels {
  readonly #servers = new Map<string, KnownTools>();

  /** Takes what the control plane says of a server's tools; null: it does not know them, so what it said before stays. */
  list(server: string, tools: Iterable<string> | null): void {
    if (tools) this.#of(server).listed = bounded(tools);
  }

  /** Takes a server's tools/list as it passed here. */
  learn(server: string, tools: Iterable<string>): void {
    this.#of(server).learned = bounded(tools);
  }

  forget(server: string): void {
    this.#servers.delete(server);
  }

  isListed(server: string, tool: string): boolean {
    const known = this.#servers.get(server);
    return known !== undefined && (known.listed.has(tool) || known.learned.has(tool));
  }

  /** The tool's name, or `other`. A server gives no more than {@link MAX_LABELS} names, however often its list changes. */
  label(server: string, tool: string): string {
    const labels = this.#servers.get(server)?.labels;
    if (!labels || !this.isListed(server, tool)) return 'other';
    if (labels.has(tool)) return tool;
    if (labels.size >= MAX_LABELS) return 'other';
    labels.add(tool);
    return tool;
  }

  #of(server: string): KnownTools {
    const known = this.#servers.get(server) ?? { listed: new Set(), learned: new Set(), labels: new Set() };
    this.#servers.set(server, known);
    return known;
  }
}

function bounded(tools: Iterable<string>): Set<string> {
  const names = new Set<string>();
  for (const tool of tools) {
    if (names.size >= MAX_SERVER_TOOLS) break;
    if (tool.length <= MAX_TOOL_NAME_LENGTH) names.add(tool);
  }
  return names;
}
