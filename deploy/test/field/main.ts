import { Command } from 'commander';
import { commandLine, several } from '../../../proto/command-line.ts';
import { exactly } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table } from '../report/table.ts';
import { playScene } from './play-scenes.ts';
import type { Row, Scene } from './scene.ts';
import { SCENES } from './scenes.ts';

/** `npm run field`: what users of MCP reported, and real servers and clients of others, tried on a mesh. Packages are installed into a cache once. */
const sections = [...new Set(SCENES.map(({ section }) => section))];
const { values } = commandLine<{ section?: Scene['section'][]; scene?: string[]; markdown: boolean; json: boolean }>(
  new Command('npm run field --')
    .option('--section <name>', `one of ${sections.join(', ')}; may be repeated`, several(sections))
    .option('--scene <text>', 'scenes whose name has this text; may be repeated', several())
    .option('--markdown', 'a table for a page', false)
    .option('--json', 'objectives and rows as JSON', false),
);
const print = say(values.json);
// Packages of others say what they have to say on standard output, which is for the table.
console.log = console.info = console.warn = console.error;
const isWanted = ({ section, name }: Scene): boolean =>
  (values.section?.includes(section) ?? true) && (values.scene?.some((text) => name.includes(text)) ?? true);

const wordOf = (met: Row['met']): string => (met === null ? 'not tried' : met ? 'yes' : 'NO');
const head = ['report', 'client', 'server', 'expected', 'seen', 'met'];
const cellsOf = (row: Row): string[] => [row.id, row.client, row.server, row.expected, row.seen, wordOf(row.met)];

const played: Array<Row & { section: Scene['section'] }> = [];
for (const scene of SCENES.filter(isWanted)) {
  const beganMs = performance.now();
  const rows = await playScene(scene, (row) => process.stderr.write(`  ${cellsOf(row).join(' | ')}\n`));
  played.push(...rows.map((row) => ({ section: scene.section, ...row })));
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  process.stderr.write(`${scene.section}: ${scene.name}, ${seconds} s, ${rows.filter(({ met }) => met).length} met\n`);
}
if (values.markdown)
  for (const cells of [head, head.map(() => '---'), ...played.map(cellsOf)]) print(`| ${cells.join(' | ')} |`);
else print(table(head, played.map(cellsOf)));
const objectives = [...new Set(played.map(({ section }) => section))].map((section) => {
  const lost = played.filter((row) => row.section === section && row.met === false);
  return exactly(`${section}: lines that are not as expected`, 0, lost.length);
});
printReport(objectives, { json: values.json, extra: { rows: played } });
