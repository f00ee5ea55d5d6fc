import { OFFICIAL_CLIENTS, type OfficialKind } from '../../clients/foreign/connect-any.ts';
import { FOREIGN_KINDS, type ForeignKind } from '../../clients/foreign/foreign-kinds.ts';
import { installForeignClient } from '../../clients/foreign/install.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import { table } from '../../report/table.ts';
import { faultRows, faultTable, type FaultCell } from './fault-table.ts';
import { officialPaths } from './official-paths.ts';
import { cells as cellsOf, paths } from './paths.ts';

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
  const cells = await faultTable([...paths, ...officialPaths(clients)]);
  const { head, rows } = faultRows(cells);
  say(table(head, rows));
  for (const { path, fault, kind, came, executions, why } of cells.filter(({ isRight }) => !isRight))
    say(`  ! ${path}, ${kind}, ${fault}: ${came}, ran ${executions} times${why === null ? '' : `; ${why}`}`);
  const wrong = cells.filter(({ isRight }) => !isRight).length;
  const missing = Object.keys(OFFICIAL_CLIENTS).length - clients.length;
  say(`${cells.length} cells; ${missing} clients skipped`);
  return { objectives: [exactly('cells that came to something else than they should', 0, wrong)], cells };
}
