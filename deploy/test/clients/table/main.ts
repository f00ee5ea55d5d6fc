import { Command } from 'commander';
import { commandLine, several } from '../../../../proto/command-line.ts';
import { atMost, exactly } from '../../report/objectives.ts';
import { printReport, say } from '../../report/print-report.ts';
import { table } from '../../report/table.ts';
import { type OfficialKind, OFFICIAL_CLIENTS } from '../foreign/connect-any.ts';
import { cellsOf, rowsOf, startTableMesh } from './error-table.ts';
import { lossCells, startLossMesh, WAYS_TO_ANSWER, WITHOUT_SESSIONS } from './gateway-loss.ts';
import { resumeCells, resumeRows } from './resume-table.ts';

/** `npm run clients`: what the user of each official client sees when something fails. Packages that are missing are installed into a cache. */
const known = Object.keys(OFFICIAL_CLIENTS) as OfficialKind[];
const { values } = commandLine<{ client?: OfficialKind[]; cut: boolean; markdown: boolean; json: boolean }>(
  new Command('npm run clients --')
    .option('--client <name>', `one of ${known.join(', ')}; may be repeated`, several(known))
    .option('--cut', 'what a client does whose stream is cut, and when its gateway is killed', false)
    .option('--markdown', 'a table for docs/clients.md', false)
    .option('--json', 'objectives and cells as JSON', false),
);
const print = say(values.json);
const wanted = known.filter((client) => values.client?.includes(client) ?? true);
const printTable = ({ head, rows }: { head: string[]; rows: string[][] }): void => {
  if (values.markdown) for (const line of [head, head.map(() => '---'), ...rows]) print(`| ${line.join(' | ')} |`);
  else print(table(head, rows));
};
await (values.cut ? playCuts() : playFailures());

/** Plays with each client; those that this machine can't have are named. */
async function cellsOfEach<T>(play: (client: OfficialKind) => Promise<T[] | string>) {
  const cells: T[] = [];
  const tried: OfficialKind[] = [];
  for (const client of wanted) {
    const heard = await play(client);
    if (typeof heard === 'string') print(`${OFFICIAL_CLIENTS[client]} was not tried; this is missing: ${heard}`);
    else {
      cells.push(...heard);
      tried.push(client);
    }
  }
  return { cells, tried };
}

async function playCuts(): Promise<void> {
  const { cells, tried } = await cellsOfEach(resumeCells);
  const mesh = await startLossMesh();
  const losses = await cellsOfEach((client) => lossCells(mesh, client)).finally(() => mesh.close());
  const { head, rows } = resumeRows(cells, tried);
  const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
  const lossRow = (answersBy: string): string[] => [
    `killed gateway: ${answersBy}`,
    ...losses.cells
      .filter((cell) => cell.answersBy === answersBy)
      .map(({ told, toldAfterMs }) => `${told} after ${seconds(toldAfterMs)}`),
  ];
  printTable({ head, rows: [...rows, ...WAYS_TO_ANSWER.map(lossRow)] });
  const told = losses.cells.map(({ client, answersBy, told: what, toldAfterMs, goesOn }) => {
    const name = `${OFFICIAL_CLIENTS[client]}, ${answersBy}`;
    const wait = atMost(`${name}: s until it was told of a killed gateway`, 2, toldAfterMs / 1000);
    if (answersBy === WITHOUT_SESSIONS) return [wait];
    return [
      wait,
      exactly(`${name}: told of a killed gateway`, '-31001, sent_no_response', what),
      exactly(`${name}: sessions that ended`, 0, goesOn ? 0 : 1),
    ];
  });
  const objectives = tried.map((client) => {
    const own = cells.filter((cell) => cell.client === client && cell.isPrimed);
    const lost = own.filter(({ resumedAfterMs, told }) => resumedAfterMs === null || told !== 'answer');
    return exactly(`${OFFICIAL_CLIENTS[client]}: primed streams that were not resumed`, 0, lost.length);
  });
  printReport([...objectives, ...told.flat()], { json: values.json, extra: { cells, losses: losses.cells } });
}

async function playFailures(): Promise<void> {
  const mesh = await startTableMesh();
  const { cells, tried } = await cellsOfEach((client) => cellsOf(mesh, client)).finally(() => mesh.close());
  printTable(rowsOf(cells, tried));
  const objectives = tried.flatMap((client) => {
    const own = cells.filter((cell) => cell.client === client);
    const name = OFFICIAL_CLIENTS[client];
    return [
      exactly(`${name}: users told something else`, 0, own.filter((cell) => !cell.isAsExpected).length),
      exactly(`${name}: sessions that ended`, 0, own.filter((cell) => !cell.goesOn).length),
    ];
  });
  printReport(objectives, { json: values.json, extra: { cells } });
}
