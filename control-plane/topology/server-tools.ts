import { isDeepStrictEqual } from 'node:util';
import { mergeServerTools, type ServerTool } from '../../proto/server-tool.ts';

/** What a probe knows of one replica's tools; null while nobody has listed them. */
interface ListedTools {
  server: string;
  tools: readonly unknown[] | null;
}

interface Merged {
  lists: readonly (readonly unknown[])[];
  tools: readonly ServerTool[];
}

/**
 * The tools of each server, from the lists of its replicas. They are merged only when a list changed, and an equal
 * result is the same object. Probes list the tools often, and every change of one replica builds the topology again.
 */
export class ServerTools {
  readonly #merged = new Map<string, Merged>();

  /** By server; servers of which nobody knows the tools are left out. */
  merge(replicas: Iterable<ListedTools>): ReadonlyMap<string, readonly ServerTool[]> {
    const lists = new Map<string, (readonly unknown[])[]>();
    for (const { server, tools } of replicas) {
      if (tools === null) continue;
      const known = lists.get(server);
      if (known) known.push(tools);
      else lists.set(server, [tools]);
    }
    for (const server of this.#merged.keys()) if (!lists.has(server)) this.#merged.delete(server);
    return new Map([...lists].map(([server, each]) => [server, this.#of(server, each)]));
  }

  #of(server: string, lists: readonly (readonly unknown[])[]): readonly ServerTool[] {
    const last = this.#merged.get(server);
    if (last?.lists.length === lists.length && last.lists.every((list, index) => list === lists[index]))
      return last.tools;
    const tools = mergeServerTools(lists);
    const merged = { lists, tools: last && isDeepStrictEqual(last.tools, tools) ? last.tools : tools };
    this.#merged.set(server, merged);
    return merged.tools;
  }
}
