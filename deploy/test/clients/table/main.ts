import { Command } from 'commander';
import { commandLine, several } from '../../../../proto/command-line.ts';
import { exactly } from '../../report/objectives.ts';
import { printReport, say } from '../../report/print-report.ts';
import { table } from '../../report/table.ts';
import { type OfficialKind, OFFICIAL_CLIENTS } from '../foreign/connect-any.ts';
import { type Cell, cellsOf, rowsOf, startTableMesh } from './error-table.ts';

/** `npm run clients`: what the user of each official client sees when something fails. Packages that are missing are installed into a cache. */
const known = Object.keys(OFFICIAL_CLIENTS) as OfficialKind[];
const { values } = commandLine<{ client?: OfficialKind[]; markdown: boolean; json: boolean }>(
  new Command('npm run clients --')
    .option('--client <name>', `one of ${known.join(', ')}; may be repeated`, several(known))
    .option('--markdown', 'a table for docs/clients.md', false)
    .option('--json', 'objectives and cells as JSON', false),
);
const print = say(values.json);
const wanted = known.filter((client) => values.client?.includes(client) ?? true);
const cells: Cell[] = [];
const tried: OfficialKind[] = [];
const mesh = await startTableMesh();
try {
  for (const client of wanted) {
    const heard = await cellsOf(mesh, client);
    if (typeof heard === 'string') print(`${OFFICIAL_CLIENTS[client]} was not tried; this is missing: ${heard}`);
    else {
      cells.push(...heard);
      tried.push(client);
    }
  }
} finally {
  await mesh.close();
}
const { head, rows } = rowsOf(cells, tried);
if (values.markdown) for (const line of [head, head.map(() => '---'), ...rows]) print(`| ${line.join(' | ')} |`);
else print(table(head, rows));
printReport(
  tried.flatMap((client) => {
    const own = cells.filter((cell) => cell.client === client);
    return [
      exactly(
        `${OFFICIAL_CLIENTS[client]}: users told something else`,
        0,
        own.filter((cell) => !cell.isAsExpected).length,
      ),
      exactly(`${OFFICIAL_CLIENTS[client]}: sessions that ended`, 0, own.filter((cell) => !cell.goesOn).length),
    ];
  }),
  { json: values.json, extra: { cells } },
);
