import type { ServerTool } from '../../../proto/server-tool.ts';
import type { ToolAnnotations } from '../../recovery/replay-safety.ts';
import type { ServerView } from '../../xds/topology.ts';

/** Tools of one server that are remembered; a server with more keeps the first ones, and calls of the others are not sent twice. */
const MAX_TOOLS = 5000;

/** What is known of one server: what clients were told, and what the control plane's probes heard. */
interface Known {
  learned: Map<string, ToolAnnotations> | null;
  /** Its latest view. */
  view: ServerView | null;
  slots: ReadonlySet<string>;
  /** A probe's list that may be wrong by now. */
  outdated: ReadonlyMap<string, ServerTool> | null;
}

/** What the tools of each server say of themselves: in the tools/list answers that pass, and before any has, in those that probes got. */
export class ToolKnowledge {
  readonly #servers = new Map<string, Known>();
  readonly #learned: (server: string, names: string[]) => void;

  constructor(learned: (server: string, names: string[]) => void = () => undefined) {
    this.#learned = learned;
  }

  of(server: string, tool: string): ToolAnnotations | undefined {
    const known = this.#servers.get(server);
    if (!known) return undefined;
    if (known.learned) return known.learned.get(tool);
    const listed = known.view?.tools;
    return listed && listed !== known.outdated ? listed.get(tool) : undefined;
  }

  /** Its clients have been told of its tools: what is not among them is not listed. */
  knows(server: string): boolean {
    return this.#servers.get(server)?.learned != null;
  }

  /** Takes the `result` of a tools/list: one page of it. */
  learn(server: string, result: unknown): void {
    const tools: unknown = (result as { tools?: unknown } | null)?.tools;
    if (!Array.isArray(tools)) return;
    const known = this.#of(server);
    known.learned ??= new Map();
    const { learned } = known;
    for (const tool of tools as ({
      name?: unknown;
      annotations?: { readOnlyHint?: unknown; idempotentHint?: unknown } | null;
    } | null)[]) {
      if (typeof tool?.name !== 'string' || (learned.size >= MAX_TOOLS && !learned.has(tool.name))) continue;
      learned.set(tool.name, {
        isReadOnly: tool.annotations?.readOnlyHint === true,
        isIdempotent: tool.annotations?.idempotentHint === true,
      });
    }
    this.#learned(server, [...learned.keys()]);
  }

  /**
   * Takes note of a server's replicas: a new incarnation may have other tools under the same names. Costs one comparison while nothing changes.
   */
  see(view: ServerView): void {
    const known = this.#of(view.name);
    const { view: last, slots } = known;
    if (last === view) return;
    known.view = view;
    known.slots = new Set(view.endpoints.map(({ slot }) => slot));
    if (last && [...known.slots].some((slot) => !slots.has(slot))) this.forget(view.name);
  }

  /** A list_changed, or a new incarnation of a replica: what was known may be wrong, and wrong here means twice. */
  forget(server: string): void {
    const known = this.#of(server);
    known.learned = null;
    known.outdated = known.view?.tools ?? null;
  }

  #of(server: string): Known {
    const known = this.#servers.get(server) ?? { learned: null, view: null, slots: new Set<string>(), outdated: null };
    this.#servers.set(server, known);
    return known;
  }
}
