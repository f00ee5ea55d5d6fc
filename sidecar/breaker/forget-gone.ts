import type { Topology } from '../xds/topology.ts';
import type { BreakerTable } from './breaker-table.ts';

/** Drops the breakers of servers and slots that are not in the mesh any more, and of tools that their server lists no more. */
export function forgetGone(
  table: BreakerTable,
  topology: Topology,
  isListed: (server: string, tool: string) => boolean,
): void {
  for (const name of table.servers()) {
    const server = topology.server(name);
    if (!server) {
      table.forgetServer(name);
      continue;
    }
    table.keepSlots(name, new Set(server.endpoints.map(({ slot }) => slot)));
    table.keepTools(name, (tool) => isListed(name, tool));
  }
}
