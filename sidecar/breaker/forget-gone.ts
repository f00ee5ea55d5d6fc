import type { Topology } from '../xds/topology.ts';
import type { BreakerTable } from './breaker-table.ts';

/** Drops the breakers of servers and slots that are not in the mesh any more. */
export function forgetGone(table: BreakerTable, topology: Topology): void {
  for (const name of table.servers()) {
    const server = topology.server(name);
    if (server) table.keepSlots(name, new Set(server.endpoints.map(({ slot }) => slot)));
    else table.forgetServer(name);
  }
}
