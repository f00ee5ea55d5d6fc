import type { ToolAnnotations } from '../recovery/replay-safety.ts';
import type { ServerView } from '../xds/topology.ts';

/** Tools of one server that are remembered; a server with more keeps the first ones, and calls of the others are not sent twice. */
const MAX_TOOLS = 5000;

/** What the tools of each server say of themselves, learned from the tools/list answers that pass. */
export class ToolKnowledge {
  readonly #servers = new Map<string, Map<string, ToolAnnotations>>();
  readonly #lives = new Map<string, { view: object; slots: ReadonlySet<string> }>();
  readonly #learned: (server: string, names: string[]) => void;

  constructor(learned: (server: string, names: string[]) => void = () => undefined) {
    this.#learned = learned;
  }

  of(server: string, tool: string): ToolAnnotations | undefined {
    return this.#servers.get(server)?.get(tool);
  }
  knows(server: string): boolean {
    return this.#servers.has(server);
  }

  /** Takes the `result` of a tools/list: one page of it. */
  learn(server: string, result: unknown): void {
    const tools: unknown = (result as { tools?: unknown } | null)?.tools;
    if (!Array.isArray(tools)) return;
    let known = this.#servers.get(server);
    if (!known) this.#servers.set(server, (known = new Map()));
    for (const tool of tools as ({
      name?: unknown;
      annotations?: { readOnlyHint?: unknown; idempotentHint?: unknown } | null;
    } | null)[]) {
      if (typeof tool?.name !== 'string' || (known.size >= MAX_TOOLS && !known.has(tool.name))) continue;
      known.set(tool.name, {
        isReadOnly: tool.annotations?.readOnlyHint === true,
        isIdempotent: tool.annotations?.idempotentHint === true,
      });
    }
    this.#learned(server, [...known.keys()]);
  }

  /** Takes note of a server's replicas: a new life may have other tools under the same names. Costs one comparison while nothing changes. */
  see(view: ServerView): void {
    const last = this.#lives.get(view.name);
    if (last?.view === view) return;
    const slots = new Set(view.endpoints.map(({ slot }) => slot));
    if (last && [...slots].some((slot) => !last.slots.has(slot))) this.forget(view.name);
    this.#lives.set(view.name, { view, slots });
  }

  /** A list_changed, or a new life of a replica: what was known may be wrong, and wrong here means twice. */
  forget(server: string): void {
    this.#servers.delete(server);
  }
}
