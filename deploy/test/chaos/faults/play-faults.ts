import { OFFICIAL_CLIENTS, type OfficialKind } from '../../clients/foreign/connect-any.ts';
import { FOREIGN_KINDS, type ForeignKind } from '../../clients/foreign/foreign-kinds.ts';
import { startForkServers } from '../../clients/foreign/fork-server.ts';
import { installForeignClient } from '../../clients/foreign/install.ts';
import type { Objective } from '../../report/objectives.ts';
import { table } from '../../report/table.ts';
import { faultObjectives, faultRows, faultTable, type FaultCell } from './fault-table.ts';
import { officialPaths } from './official-paths.ts';
import { cells as cellsOf, paths } from './paths.ts';

/** The whole table takes minutes. */
const SAID_EVERY = 25;

const isForeign = (kind: OfficialKind): kind is ForeignKind => (FOREIGN_KINDS as readonly string[]).includes(kind);

/** Every path by requests without an SDK, and those that official clients take by each of them. Clients that this machine can't have are counted as skipped. */
export async function playFaults(
  say: (text: string) => void,
): Promise<{ objectives: Objective[]; cells: FaultCell[] }> {
  const clients: OfficialKind[] = [];
  for (const kind of Object.keys(OFFICIAL_CLIENTS) as OfficialKind[]) {
    const installed = isForeign(kind) ? await installForeignClient(kind) : null;
    if (installed === null || !('missing' in installed)) clients.push(kind);
    else say(`${OFFICIAL_CLIENTS[kind]}: ${cellsOf(officialPaths([kind])).length} cells skipped: ${installed.missing}`);
  }
  const forkServers = await startForkServers();
  const wanted = [...paths, ...officialPaths(clients, forkServers)];
  const total = cellsOf(wanted).length;
  const cells = await faultTable(wanted, (done) => {
    if (done.length % SAID_EVERY === 0) say(`${done.length} of ${total} cells`);
  });
  for (const server of forkServers.values()) await server.close();
  const { head, rows } = faultRows(cells);
  say(table(head, rows));
  for (const { path, fault, kind, came, executions, stalledMs, why } of cells.filter(({ isRight }) => !isRight)) {
    const what = `${came}, ran ${executions} times${why === null ? '' : `; ${why}`}`;
    say(`  ! ${path}, ${kind}, ${fault}: ${what} (without CPU for ${stalledMs} ms)`);
  }
  const missing = Object.keys(OFFICIAL_CLIENTS).length - clients.length;
  const again = cells.filter(({ earlier }) => earlier > 0).length;
  const stalledMs = Math.max(...cells.map((cell) => cell.stalledMs));
  say(
    `${cells.length} cells; ${missing} clients skipped; without CPU for up to ${stalledMs} ms, so ${again} cells were played again`,
  );
  return { objectives: faultObjectives(cells, total), cells };
}
